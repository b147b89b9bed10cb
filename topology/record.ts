import type { Headers } from './log/log.ts'

/**
 * The record an operator is given. There is one object per input partition and it is reused: an operator that hands on
 * something else changes a field, forwards, and puts the field back, so that its siblings see what it saw. What is kept
 * beyond the call is copied.
 */
export interface StreamRecord {
  key: unknown
  value: unknown
  /** Event time, milliseconds since the epoch. */
  timestamp: number
  headers: Headers
}

export const noHeaders: Headers = []

/** Where the record now processed came from. */
export interface RecordPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}
