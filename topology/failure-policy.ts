/**
 * What becomes of a record that cannot be processed. There are three stages in which it can fail, as in Kafka Streams
 * (KIP-161, KIP-210, KIP-1033), and for each a handler that answers with one of three ways to go on.
 *
 * A record is processed completely or not at all: one that is skipped or dead-lettered leaves no output and no change of
 * state, wherever on its way it failed (poison.ts says how). So to replay it later does nothing twice.
 *
 * A window closes because of a record that is not in it. Where what follows fails on its result, it is the window that is
 * skipped or dead-lettered: the record that closed it, and the other windows, go on.
 *
 * Only what fails while an input record is on its way is decided here. A punctuation, or a `mapBatch` function and what
 * follows it, belongs to no single record: there the node ends with PROCESSING_FAILED or the function's own error.
 */
import { type ErrorCode, TickerError } from './errors.ts'
import type { Headers } from './log/log.ts'
import type { ClosedWindow } from './operators/closed-windows.ts'

/** Characters of a key in a message. */
const KEY_SHOWN = 100

/**
 * - `decode`: its bytes are no key or value of the source, `validate` refuses it, or it has no usable event time
 * - `process`: an operator threw
 * - `produce`: what follows from it cannot be written: a sink's serde threw, or the topic takes nothing that large
 */
export type FailureStage = 'decode' | 'process' | 'produce'

/** `deadLetter`: it is kept in the dead-letter topic, with the reason, and the task goes on behind it. */
export type FailureAnswer = 'fail' | 'skip' | 'deadLetter'

/** An input record as it lies in the log. */
export interface InputRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Milliseconds since the epoch, as written by its producer. */
  readonly timestamp: number
  readonly headers: Headers
}

/** Why a record failed. */
export interface FailureReason {
  readonly stage: FailureStage
  /** The name of the source, operator or sink that failed. */
  readonly operator: string
  readonly code: ErrorCode
  /** What was thrown, or a TickerError that says what is wrong. */
  readonly error: unknown
  /** Whose result failed, where a window did: the record only closed it, and goes on without it. */
  readonly window?: ClosedWindow | undefined
}

export interface RecordFailure extends FailureReason {
  /** The task, such as `0_1`. */
  readonly task: string
  readonly record: InputRecord
}

/** Called once for each failure, synchronously. If it throws, that is `fail`. */
export type FailureHandler = (failure: RecordFailure) => FailureAnswer

export interface FailureHandlers {
  /** Default: `deadLetter`. */
  readonly decode?: FailureHandler
  /** Default: `fail`. */
  readonly process?: FailureHandler
  /** Default: `fail`. */
  readonly produce?: FailureHandler
}

/** @throws TickerError PROCESSING_FAILED where the answer is `fail` */
export function decideFailure(
  handlers: FailureHandlers,
  failure: RecordFailure,
): Exclude<FailureAnswer, 'fail'> {
  const answer = ask(handlers, failure)
  if (answer !== 'fail') return answer
  const { task, stage, operator, error } = failure
  throw new TickerError(
    'PROCESSING_FAILED',
    `task ${task} cannot ${stage} ${subjectOf(failure)} (${operator}): ${messageOf(error)}`,
    { cause: error },
  )
}

function ask(handlers: FailureHandlers, failure: RecordFailure): FailureAnswer {
  const { stage, task } = failure
  const handler = handlers[stage]
  if (handler === undefined) return stage === 'decode' ? 'deadLetter' : 'fail'
  try {
    return handler(failure)
  } catch (cause) {
    throw new TickerError(
      'PROCESSING_FAILED',
      `the ${stage} handler of onFailure threw on ${subjectOf(failure)} of task ${task}: ${messageOf(cause)}`,
      { cause },
    )
  }
}

/** Where a record is, for messages. */
export function placeOf({ topic, partition, offset }: InputRecord): string {
  return `${topic}/${partition} at ${offset}`
}

/** What failed, for messages: a record, or the window that it closed. */
export function subjectOf({ record, window }: Pick<RecordFailure, 'record' | 'window'>): string {
  if (window === undefined) return placeOf(record)
  const { operator, key, start, end } = window
  return `the window of ${printable(key)} from ${start} to ${end} of ${operator}, closed by ${placeOf(record)}`
}

/** Keys are often text. */
function printable(key: Buffer): string {
  const text = key.toString('utf8')
  const shown = /^[^\p{C}\uFFFD]*$/u.test(text) ? text : `0x${key.toString('hex')}`
  return shown.length <= KEY_SHOWN ? shown : `${shown.slice(0, KEY_SHOWN)}…`
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
