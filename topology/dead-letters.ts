/**
 * Dead letters: records that could not be processed, kept as they were with the reason in headers. The names follow
 * KIP-1034's dead-letter queue, as far as it has them.
 */
import { TickerError } from './errors.ts'
import { type FailureStage, type InputRecord, messageOf, type RecordFailure } from './failure-policy.ts'
import type { Headers, ProducerRecord } from './log/log.ts'

const PREFIX = '__streams.errors.'
/** Bytes of text in one header. */
const TEXT_LIMIT = 4096
/** Bytes by which a dead letter is larger than its record, at most: what the topic must take more than others. */
export const DEAD_LETTER_OVERHEAD = 16 * 1024

/** All are UTF-8 text. */
export const deadLetterHeaders = {
  /** Of the table of errors: the reason. */
  code: `${PREFIX}code`,
  message: `${PREFIX}message`,
  /** The name of what was thrown, such as `TypeError`, and its stack; absent where nothing was thrown. */
  exception: `${PREFIX}exception`,
  stacktrace: `${PREFIX}stacktrace`,
  /** `decode`, `process` or `produce`, and the source, operator or sink. */
  stage: `${PREFIX}stage`,
  operator: `${PREFIX}operator`,
  /** Of the result of a window: the operator, start and end in milliseconds; its key is the letter's. */
  window: `${PREFIX}window`,
  /** Where the record was, and its timestamp there; of the record that closed the window, if it is one. */
  topic: `${PREFIX}topic`,
  partition: `${PREFIX}partition`,
  offset: `${PREFIX}offset`,
  timestamp: `${PREFIX}timestamp`,
  /** The application that gave it up, its task, and when, in milliseconds since the epoch. */
  application: `${PREFIX}application`,
  task: `${PREFIX}task`,
  time: `${PREFIX}time`,
} as const

/** A record that is given up, and why; or the result of a window, which has the window's key and no value. */
export interface DeadLetter extends InputRecord {
  readonly code: string
  readonly message: string
  readonly stage: FailureStage
  readonly operator: string
  readonly application: string
  /** As text: the operator, start and end in milliseconds. Undefined for a record. */
  readonly window?: string | undefined
  /** Undefined for one that was given up outside a topology. */
  readonly task?: string
  /** When it was given up, milliseconds since the epoch. */
  readonly time: number
  /** What was thrown. */
  readonly error?: unknown
}

export function deadLetterOf(
  { record, task, stage, operator, code, error, window }: RecordFailure,
  { application, now }: { application: string; now: number },
): DeadLetter {
  const subject =
    window === undefined
      ? record
      : {
          ...record,
          key: window.key,
          value: null,
          headers: [],
          window: `${window.operator} ${window.start} ${window.end}`,
        }
  return { ...subject, code, message: messageOf(error), stage, operator, application, task, time: now, error }
}

/** The record to put into the dead-letter topic: the original's key, value, timestamp and headers, and the reason. */
export function deadLetterRecord(letter: DeadLetter, topic: string): ProducerRecord {
  // The engine's own finding has no more to say than its code and message.
  const thrown =
    letter.error instanceof Error && !(letter.error instanceof TickerError) ? letter.error : undefined
  // Of a letter that was replayed and failed again, the last reason counts.
  const original = withoutReason(letter.headers)
  const texts: Record<keyof typeof deadLetterHeaders, string | undefined> = {
    code: letter.code,
    message: letter.message,
    exception: thrown?.name,
    stacktrace: thrown?.stack,
    stage: letter.stage,
    operator: letter.operator,
    window: letter.window,
    topic: letter.topic,
    partition: String(letter.partition),
    offset: String(letter.offset),
    timestamp: String(letter.timestamp),
    application: letter.application,
    task: letter.task,
    time: String(letter.time),
  }
  const reason: (readonly [string, Buffer])[] = []
  for (const [name, text] of Object.entries(texts)) {
    if (text !== undefined) reason.push([`${PREFIX}${name}`, limited(text)])
  }
  return {
    topic,
    partition: 0,
    key: letter.key,
    value: letter.value,
    timestamp: Math.max(0, letter.timestamp),
    headers: [...original, ...reason],
  }
}

/** The headers that the record had before it became a dead letter. */
export function withoutReason(headers: Headers): Headers {
  return headers.filter(([name]) => !name.startsWith(PREFIX))
}

/** UTF-8, cut at a limit and between two characters. */
function limited(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length <= TEXT_LIMIT) return bytes
  let end = TEXT_LIMIT
  // A byte 10xxxxxx goes on with a character that began before it.
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}
