/** The application's dead letters as a person looks at them: counted, shown with what they hold, put back. */
import { type AvroSerdes, Prediction, SensorReading } from '../schemas/index.ts'
import {
  deadLetters,
  isMeant,
  type LetterFilter,
  type QueueOptions,
  type Replay,
  readyOf,
  replayDeadLetters,
  type StoredLetter,
} from '../topology/index.ts'
import { topics } from './topics.ts'

/** What a list says of a letter; times are milliseconds since the epoch. */
export interface ListedLetter
  extends Pick<
    StoredLetter,
    | 'id'
    | 'time'
    | 'code'
    | 'message'
    | 'stage'
    | 'operator'
    | 'topic'
    | 'partition'
    | 'offset'
    | 'replayedAt'
  > {}

/** Bytes are base64. */
export interface ShownLetter extends ListedLetter, Pick<StoredLetter, 'timestamp' | 'application' | 'task'> {
  readonly exception: string
  readonly stacktrace: string
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The value, where its schema is known; numbers that JSON lacks are text. Absent where it cannot be decoded. */
  readonly decoded?: unknown
}

export interface LetterList {
  /** Those that most letters are of first. */
  readonly counts: readonly LetterCount[]
  /** The newest first. */
  readonly letters: readonly ListedLetter[]
}

export interface LetterCount {
  readonly topic: string
  readonly code: string
  readonly letters: number
  /** Of these. */
  readonly replayed: number
}

export interface DeadLetterDesk {
  /** @param limit of the letters listed; all are counted */
  list(filter: LetterFilter, limit: number): Promise<LetterList>
  /** Undefined if there is none of this id. */
  show(id: number): Promise<ShownLetter | undefined>
  replay(filter: LetterFilter, options: { readonly dryRun: boolean }): Promise<Replay>
}

/** Of a value on a topic; undefined if it cannot be decoded. */
export type DecodeValue = (topic: string, bytes: Buffer) => Promise<unknown>

export function deadLetterDesk(
  options: QueueOptions & { readonly decode: DecodeValue; readonly now: () => number },
): DeadLetterDesk {
  return {
    async list(filter, limit) {
      const counts = new Map<string, { topic: string; code: string; letters: number; replayed: number }>()
      const newest: ListedLetter[] = []
      for await (const letter of deadLetters(options)) {
        if (!isMeant(letter, filter)) continue
        const { topic, code } = letter
        const count = counts.get(`${topic} ${code}`) ?? { topic, code, letters: 0, replayed: 0 }
        counts.set(`${topic} ${code}`, count)
        count.letters++
        if (letter.replayedAt !== undefined) count.replayed++
        newest.push(listed(letter))
        if (newest.length > limit) newest.shift()
      }
      return {
        counts: [...counts.values()].sort((a, b) => b.letters - a.letters),
        letters: newest.reverse(),
      }
    },

    async show(id) {
      for await (const letter of deadLetters(options))
        if (letter.id === id) return await shown(letter, options)
      return undefined
    },

    replay: (filter, { dryRun }) => replayDeadLetters({ ...options, filter, dryRun }),
  }
}

/** Decodes what the application's own topics hold. */
export function valueDecoder(avro: AvroSerdes): DecodeValue {
  const serdes = new Map<string, { deserialize(bytes: Buffer): unknown }>([
    [topics.readings, avro.value(topics.readings, SensorReading)],
    [topics.predictions, avro.value(topics.predictions, Prediction)],
  ])
  return async (topic, bytes) => {
    const serde = serdes.get(topic)
    // Twice: the first time the schema may have to be fetched.
    for (let attempt = 0; serde !== undefined && attempt < 2; attempt++) {
      try {
        return serde.deserialize(bytes)
      } catch (error) {
        await readyOf(error)?.catch(() => {})
      }
    }
    return undefined
  }
}

function listed(letter: StoredLetter): ListedLetter {
  const { id, time, code, message, stage, operator, topic, partition, offset, replayedAt } = letter
  return { id, time, code, message, stage, operator, topic, partition, offset, replayedAt }
}

async function shown(letter: StoredLetter, { decode }: { decode: DecodeValue }): Promise<ShownLetter> {
  const { timestamp, application, task, exception, stacktrace, key, value, headers } = letter
  const decoded = value === null ? undefined : await decode(letter.topic, value)
  return {
    ...listed(letter),
    timestamp,
    application,
    task,
    exception,
    stacktrace,
    key: key?.toString('base64') ?? null,
    value: value?.toString('base64') ?? null,
    headers: headers.map(([name, bytes]) => [name, bytes.toString('base64')]),
    ...(decoded !== undefined && { decoded: JSON.parse(JSON.stringify(decoded, inWords)) }),
  }
}

/** JSON makes null of numbers that are not finite, and a letter may be one because of them. */
function inWords(_name: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}
