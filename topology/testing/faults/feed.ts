/**
 * Feeds the fault run, a process of its own: `node --import tsx feed.ts JSON`. Writes numbered records at a steady rate,
 * the next ones when the broker has acknowledged the last, and reports how many it has. SIGTERM ends it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type ProducerRecord, partitionOf } from '../../index.ts'
import { kafkaLog } from '../../log/kafka/kafka-log.ts'
import { feedStart, tell } from './messages.ts'
import { type Numbered, PARTITIONS, topicsOf } from './pipeline.ts'
import { Random } from './random.ts'

const KEYS = 40
const GROUPS = 16
/** Milliseconds between two sends. */
const INTERVAL = 20
/** Event time, in milliseconds since the epoch: where it begins, and how much a record is later than the last. */
const BEGIN = Date.UTC(2026, 0, 1)
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

function nextRecord(): ProducerRecord {
  const key = Buffer.from(`key-${random.below(KEYS)}`)
  const partition = partitionOf(key, PARTITIONS)
  const number = written[partition]!
  written[partition] = number + 1
  const value: Numbered = { partition, number, group: `group-${random.below(GROUPS)}` }
  const timestamp = BEGIN + count++ * STEP - lateness()
  return { topic, partition, key, value: Buffer.from(JSON.stringify(value)), timestamp }
}

try {
  const log = await kafkaLog({ brokers: [brokers], clientId: 'feed' })
  const producer = await log.producer({ clientId: 'feed' })
  await producer.init()
  let due = performance.now()
  while (!stopping) {
    // One after the other: what is acknowledged is a beginning of what was written.
    await producer.send(Array.from({ length: Math.ceil((rate * INTERVAL) / 1000) }, nextRecord))
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
