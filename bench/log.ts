/**
 * Records per second through the memory log, one thread: produce, deliver, walk with a cursor.
 *
 *     npx tsx bench/log.ts [records]
 */
import { performance } from 'node:perf_hooks'
import type { ProducerRecord } from '../topology/log/log.ts'
import { memoryLog } from '../topology/log/memory/memory-log.ts'
import { RecordCursor } from '../topology/log/record-batch.ts'

const count = Number(process.argv[2] ?? 1_000_000)
const partitions = 4
const perSend = 500
const value = Buffer.alloc(131, 7)

const rate = (since: number): string =>
  `${Math.round(count / (performance.now() - since)).toLocaleString('en')} k records/s`

const log = memoryLog()
await log.admin.createTopics([{ topic: 'bench', partitions, config: { 'retention.bytes': '-1' } }])
const producer = await log.producer({ clientId: 'bench', transactionalId: 'bench' })
await producer.init()

const records: ProducerRecord[] = Array.from({ length: perSend }, (_, i) => ({
  topic: 'bench',
  partition: i % partitions,
  key: Buffer.from(`watch-${i % 50}`),
  value,
  timestamp: 1_700_000_000_000 + i,
}))

let start = performance.now()
for (let sent = 0; sent < count; sent += perSend) {
  producer.begin()
  await producer.send(records)
  await producer.commit()
}
console.log(`produce, ${perSend} per transaction: ${rate(start)}`)

const reader = await log.reader({ clientId: 'bench' })
const cursor = new RecordCursor()
start = performance.now()
for (let partition = 0; partition < partitions; partition++) reader.seek({ topic: 'bench', partition }, 0)
let walked = 0
let bytes = 0
while (walked < count) {
  for (const batch of await reader.poll(0)) {
    cursor.reset(batch, batch.baseOffset)
    while (cursor.next()) {
      walked++
      bytes += cursor.value?.length ?? 0
    }
  }
}
console.log(`deliver and walk: ${rate(start)} (${Math.round(bytes / 1e6)} MB)`)
await log.close()
