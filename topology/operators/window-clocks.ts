/**
 * The clocks of a windowed operator: the greatest event time of each of its inputs or, with a clock per key, of each key.
 * They say which windows are closed, so they are kept in the store with the windows: without them a restart would close
 * one twice.
 */
import { byteString } from '../../state/coder.ts'
import type { WindowAggregateNode } from '../nodes/aggregations.ts'
import type { StreamRecord } from '../record.ts'

/** Before the first record. */
export const NEVER = Number.NEGATIVE_INFINITY

/** How the clock that counts for a record stood before it, and stands now. */
export interface Advance {
  readonly before: number
  readonly now: number
}

/** Takes note of a record's time. */
export type WindowClocks = (record: StreamRecord, input: number) => Advance

export function windowClocks(
  node: Pick<WindowAggregateNode, 'clock' | 'key' | 'inputs'>,
  store: { raiseClock(name: string, time: number): number },
): WindowClocks {
  const names = node.inputs.map((_, input) => `input ${input}`)
  const nameOf = (record: StreamRecord, input: number): string =>
    node.clock === 'perKey' ? `key ${byteString(node.key.serialize(record.key))}` : names[input]!
  return (record, input) => {
    const { timestamp } = record
    const before = store.raiseClock(nameOf(record, input), timestamp)
    return { before, now: Math.max(before, timestamp) }
  }
}
