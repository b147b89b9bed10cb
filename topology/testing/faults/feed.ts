/**
 * Feeds the fault run, a process of its own: `node --import tsx feed.ts JSON`. Writes numbered records at a steady rate,
 * the next ones when the broker has acknowledged the last, and reports how many it has. SIGTERM ends it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Log, type Producer, type ProducerRecord, partitionOf, TickerError } from '../../index.ts'
import { kafkaLog } from '../../log/kafka/kafka-log.ts'
import { feedStart, tell } from './messages.ts'
import { PARTITIONS, topicsOf, type Numbered as Value } from './pipeline.ts'
import { Random } from './random.ts'

const KEYS = 40
const GROUPS = 16
/** Milliseconds between two sends. */
const INTERVAL = 20
/** Event time, in milliseconds since the epoch: where it begins, and how much a record is later than the last. */
// From now on: a broker that starts again forgets producers whose last record is a day old, and would store a batch twice.
const BEGIN = Date.now()
const STEP = 5

const { brokers, applicationId, seed, rate } = feedStart.parse(JSON.parse(process.argv[2]!))
const topic = topicsOf(applicationId).numbers
const random = new Random(seed)
const written: number[] = Array.from({ length: PARTITIONS }, () => 0)
let count = 0
let stopping = false
process.on('SIGTERM', () => {
  stopping = true
})

/** Most records are about on time, some are late, and a few are later than their windows wait. */
function lateness(): number {
  const kind = random.next()
  if (kind < 0.9) return random.below(200)
  return kind < 0.98 ? random.below(4_000) : random.below(40_000)
}

interface Numbered extends ProducerRecord {
  readonly number: number
}

function nextRecord(): Numbered {
  const key = Buffer.from(`key-${random.below(KEYS)}`)
  const partition = partitionOf(key, PARTITIONS)
  const number = written[partition]!
  written[partition] = number + 1
  const value: Value = { partition, number, group: `group-${random.below(GROUPS)}` }
  const timestamp = BEGIN + count++ * STEP - lateness()
  return { topic, partition, number, key, value: Buffer.from(JSON.stringify(value)), timestamp }
}

/** Where the broker was away for so long that the producer gave up, writes those of the records that it has not stored. */
async function write(log: Log, producer: Producer, records: readonly Numbered[]): Promise<void> {
  for (let left = records; left.length > 0; ) {
    try {
      await producer.send(left)
      return
    } catch (error) {
      if (!(error instanceof TickerError) || error.code !== 'LOG_UNREACHABLE') throw error
    }
    // Nobody else writes here, so a partition's end is the number of its next record.
    const ends = new Map((await log.admin.offsets(topic)).map(({ partition, end }) => [partition, end]))
    left = left.filter(({ partition, number }) => number >= (ends.get(partition) ?? 0))
  }
}

try {
  const log = await kafkaLog({ brokers: [brokers], clientId: 'feed' })
  const producer = await log.producer({ clientId: 'feed' })
  await producer.init()
  let due = performance.now()
  while (!stopping) {
    // One after the other: what is acknowledged is a beginning of what was written.
    await write(log, producer, Array.from({ length: Math.ceil((rate * INTERVAL) / 1000) }, nextRecord))
    tell({ kind: 'acknowledged', counts: written })
    // While the broker was away nothing was due.
    due = Math.max(due + INTERVAL, performance.now() - INTERVAL)
    await delay(Math.max(0, due - performance.now()))
  }
  await producer.close()
  await log.close()
} catch (error) {
  tell({ kind: 'failed', text: error instanceof Error ? `${error.stack}` : String(error) })
  process.exitCode = 1
}
process.disconnect?.()
