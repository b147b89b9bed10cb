import type { Change } from '../change.ts'
import type { StreamRecord } from '../record.ts'
import type { Downstream } from './operator.ts'

/** Hands on a change in place of the record's value, with a time of its own if one is given. */
export function forwardChange(
  out: Downstream,
  record: StreamRecord,
  change: Change<unknown>,
  time = record.timestamp,
): void {
  const { value, timestamp } = record
  record.value = change
  record.timestamp = time
  out.forward(record)
  record.value = value
  record.timestamp = timestamp
}
