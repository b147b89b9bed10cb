/**
 * Reading an application's dead letters, and putting them back where they came from.
 *
 * A letter is replayed at most once, however often and by how many it is asked for, and whatever is killed meanwhile:
 *
 * 1. A replay first initialises a producer whose transactional id is the application's: an earlier replay is fenced, and its
 *    open transaction is ended.
 * 2. Only then it reads the *receipts*, a topic beside the letters with one record per letter replayed. They stand still:
 *    nobody else can write them any more.
 * 3. The letters without a receipt go to their topics, each with its receipt in the same transaction.
 * 4. If it is killed before a commit, neither letter nor receipt of that transaction is there; if after, both are. One that
 *    was fenced fails at its next send or commit, with nothing of that transaction written.
 *
 * A receipt names the dead-letter topic by its identity, so those of a topic that was deleted mean nothing to the next one.
 */
import { type DeadLetter, deadLetterHeaders, withoutReason } from './dead-letters.ts'
import { TickerError } from './errors.ts'
import type { Headers, Log, ProducerRecord } from './log/log.ts'
import { RecordCursor } from './log/record-batch.ts'
import { partitionOf } from './partitioner.ts'
import { deadLetterTopic } from './plan.ts'

/** Letters, and their bytes, that one transaction replays: it must not take longer than the broker's time-out. */
const TRANSACTION_LETTERS = 500
const TRANSACTION_BYTES = 4_000_000
/** Milliseconds a poll waits for more. */
const POLL_WAIT = 500

/** A dead letter as it lies in its topic. */
export interface StoredLetter extends Omit<DeadLetter, 'error' | 'stage'> {
  /** Its offset in the dead-letter topic. */
  readonly id: number
  /** Of `failure-policy.ts`, or whatever another program wrote there. */
  readonly stage: string
  /** The name and stack of what was thrown; empty where nothing was. */
  readonly exception: string
  readonly stacktrace: string
  /** When it was replayed, milliseconds since the epoch; undefined if it was not. */
  readonly replayedAt?: number | undefined
}

/** Which letters are meant; what is absent does not matter. */
export interface LetterFilter {
  readonly ids?: readonly number[] | undefined
  /** Where the record came from. */
  readonly topic?: string | undefined
  readonly code?: string | undefined
  /** Given up at this time or later, milliseconds since the epoch. */
  readonly since?: number | undefined
}

export interface QueueOptions {
  readonly log: Log
  readonly applicationId: string
  /** Unique among those who read. */
  readonly clientId: string
}

export interface Replay {
  /** With `dryRun`, how many it would have been. */
  readonly replayed: number
  /** Letters meant that had been replayed before. */
  readonly replayedBefore: number
  /** Letters that cannot be replayed, by the reason. */
  readonly refused: readonly { readonly reason: string; readonly letters: number }[]
}

export function isMeant(letter: StoredLetter, { ids, topic, code, since }: LetterFilter): boolean {
  return (
    (ids === undefined || ids.includes(letter.id)) &&
    (topic === undefined || letter.topic === topic) &&
    (code === undefined || letter.code === code) &&
    (since === undefined || letter.time >= since)
  )
}

/** All that are there now, the oldest first. @throws TickerError LOG_UNKNOWN_TOPIC when there is no dead-letter topic */
export async function* deadLetters(options: QueueOptions): AsyncGenerator<StoredLetter> {
  const { log, applicationId } = options
  const topic = deadLetterTopic(applicationId)
  const description = await log.admin.describeTopic(topic)
  if (description === undefined) {
    const message = `there is no topic ${topic}: the application ${applicationId} never ran here`
    throw new TickerError('LOG_UNKNOWN_TOPIC', message)
  }
  const receipts = await readReceipts(options, description.identity)
  for await (const cursor of recordsOf(topic, options)) {
    yield letterOf(cursor, receipts.get(cursor.offset))
  }
}

/**
 * Writes the letters meant, as they were before they became letters, to the topic and partition where they came from.
 * @throws TickerError LOG_FENCED when another replay of this application began; what was replayed until then is done
 */
export async function replayDeadLetters(
  options: QueueOptions & {
    readonly filter: LetterFilter
    readonly now: () => number
    /** Finds out what would be done, and writes nothing. */
    readonly dryRun?: boolean
  },
): Promise<Replay> {
  const { log, applicationId, clientId, dryRun = false } = options
  if (dryRun) return await replay(options, async () => {})
  const topic = receiptTopic(applicationId)
  await log.admin.createTopics([{ topic, partitions: 1, config: { 'cleanup.policy': 'compact' } }])
  const producer = await log.producer({ clientId, transactionalId: `${applicationId}-dead-letters-replay` })
  try {
    await producer.init()
    return await replay(options, async records => {
      producer.begin()
      await producer.send(records)
      await producer.commit()
    })
  } finally {
    await producer.close()
  }
}

async function replay(
  options: QueueOptions & { readonly filter: LetterFilter; readonly now: () => number },
  write: (records: readonly ProducerRecord[]) => Promise<void>,
): Promise<Replay> {
  const { log, applicationId, filter, now } = options
  const identity = (await log.admin.describeTopic(deadLetterTopic(applicationId)))?.identity ?? ''
  const partitions = partitionsIn(log)
  const refused = new Map<string, number>()
  let [replayed, replayedBefore, bytes] = [0, 0, 0]
  let letters: ProducerRecord[] = []
  let receipts: ProducerRecord[] = []
  const writeThem = async (): Promise<void> => {
    if (letters.length > 0) await write([...letters, ...receipts])
    replayed += letters.length
    bytes = 0
    letters = []
    receipts = []
  }
  for await (const letter of deadLetters(options)) {
    if (!isMeant(letter, filter)) continue
    if (letter.replayedAt !== undefined) {
      replayedBefore++
      continue
    }
    const original = originalOf(letter, await partitions(letter.topic))
    if (typeof original === 'string') {
      refused.set(original, (refused.get(original) ?? 0) + 1)
      continue
    }
    letters.push(original)
    receipts.push(receiptOf(letter, { identity, topic: receiptTopic(applicationId), time: now() }))
    bytes += (letter.key?.length ?? 0) + (letter.value?.length ?? 0)
    if (letters.length >= TRANSACTION_LETTERS || bytes >= TRANSACTION_BYTES) await writeThem()
  }
  await writeThem()
  return {
    replayed,
    replayedBefore,
    refused: [...refused].map(([reason, count]) => ({ reason, letters: count })),
  }
}

/** The record as it was, or why it cannot be written. */
function originalOf(letter: StoredLetter, partitions: number | undefined): ProducerRecord | string {
  const { topic, partition, key, value, timestamp, window } = letter
  if (window !== undefined) return 'is the result of a window, which was never a record'
  if (partition < 0) return `never was a record of ${topic}`
  if (partitions === undefined) return `the topic ${topic} does not exist any more`
  return {
    topic,
    partition: partition < partitions ? partition : key === null ? 0 : partitionOf(key, partitions),
    key,
    value,
    timestamp: Math.max(0, timestamp),
    headers: withoutReason(letter.headers),
  }
}

/** Partitions of a topic, asked for once; undefined where there is none of that name. */
function partitionsIn(log: Log): (topic: string) => Promise<number | undefined> {
  const known = new Map<string, Promise<number | undefined>>()
  return topic => {
    const found = known.get(topic) ?? log.admin.describeTopic(topic).then(each => each?.partitions)
    known.set(topic, found)
    return found
  }
}

function receiptTopic(applicationId: string): string {
  return `${deadLetterTopic(applicationId)}-replayed`
}

function receiptOf(
  { id }: StoredLetter,
  { identity, topic, time }: { identity: string; topic: string; time: number },
): ProducerRecord {
  const [key, value] = [Buffer.from(`${identity}/${id}`), Buffer.from(String(time))]
  return { topic, partition: 0, key, value, timestamp: time }
}

/** When letters of this dead-letter topic were replayed, by their ids. */
async function readReceipts(options: QueueOptions, identity: string): Promise<Map<number, number>> {
  const times = new Map<number, number>()
  const topic = receiptTopic(options.applicationId)
  if ((await options.log.admin.describeTopic(topic)) === undefined) return times
  for await (const { key, value } of recordsOf(topic, options)) {
    const [of, id] = String(key).split('/')
    if (of === identity) times.set(Number(id), Number(value))
  }
  return times
}

function letterOf(cursor: RecordCursor, replayedAt: number | undefined): StoredLetter {
  const { key, value, offset: id, timestamp } = cursor
  const headers = cursor.headers()
  const text = (name: string): string | undefined => textOf(headers, name)
  return {
    id,
    key: key && Buffer.from(key),
    value: value && Buffer.from(value),
    headers: withoutReason(headers),
    topic: text(deadLetterHeaders.topic) ?? '',
    partition: Number(text(deadLetterHeaders.partition) ?? -1),
    offset: Number(text(deadLetterHeaders.offset) ?? -1),
    timestamp: Number(text(deadLetterHeaders.timestamp) ?? timestamp),
    code: text(deadLetterHeaders.code) ?? '',
    message: text(deadLetterHeaders.message) ?? '',
    exception: text(deadLetterHeaders.exception) ?? '',
    stacktrace: text(deadLetterHeaders.stacktrace) ?? '',
    stage: text(deadLetterHeaders.stage) ?? '',
    operator: text(deadLetterHeaders.operator) ?? '',
    window: text(deadLetterHeaders.window),
    application: text(deadLetterHeaders.application) ?? '',
    task: text(deadLetterHeaders.task),
    time: Number(text(deadLetterHeaders.time) ?? timestamp),
    replayedAt,
  }
}

function textOf(headers: Headers, name: string): string | undefined {
  return headers.findLast(([each]) => each === name)?.[1].toString('utf8')
}

/** The first partition's records, up to the end as it is now. */
async function* recordsOf(topic: string, { log, clientId }: QueueOptions): AsyncGenerator<RecordCursor> {
  const [{ start, end } = { start: 0, end: 0 }] = await log.admin.offsets(topic)
  const reader = await log.reader({ clientId })
  try {
    reader.seek({ topic, partition: 0 }, start)
    const cursor = new RecordCursor()
    for (let position = start; position < end; ) {
      for (const batch of await reader.poll(POLL_WAIT)) {
        cursor.reset(batch, position)
        while (cursor.next()) if (cursor.offset < end) yield cursor
        position = batch.lastOffset + 1
      }
    }
  } finally {
    await reader.close()
  }
}
