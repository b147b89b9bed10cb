/**
 * Between an operator that closes windows and what follows it. A window closes because of a record that is not in it, often of
 * another key; so where what follows fails on the window's result, the window is named as the one that failed, not that
 * record, and the window alone is passed over when the task does it again.
 */
import type { StreamRecord } from '../record.ts'
import type { BuildContext } from './context.ts'
import { type Downstream, OperatorFailure } from './operator.ts'

/** A window whose result was handed on. */
export interface ClosedWindow {
  /** The operator that closed it. */
  readonly operator: string
  readonly key: Buffer
  /** Milliseconds since the epoch. */
  readonly start: number
  readonly end: number
}

/** @param windowOf the window whose result a record is */
export function closedWindows(
  out: Downstream,
  windowOf: (record: StreamRecord) => ClosedWindow,
  { passesOver }: Pick<BuildContext, 'passesOver'>,
): Downstream {
  return {
    forward(record) {
      if (passesOver(() => windowOf(record))) return
      const { key, value } = record
      try {
        out.forward(record)
      } catch (error) {
        // An operator that failed has left its own result in the record.
        record.key = key
        record.value = value
        throw failureOf(error, windowOf(record))
      }
    },
  }
}

/** The innermost window is to blame: that of an operator before it only handed its result on. */
function failureOf(error: unknown, window: ClosedWindow): unknown {
  if (!(error instanceof OperatorFailure) || error.window !== undefined) return error
  return new OperatorFailure(error.operator, error.cause, window)
}
