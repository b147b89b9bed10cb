/** Operators that make tables of streams, and streams of tables. */
import { type Change, changeOf } from '../change.ts'
import type { TableSourceNode } from '../nodes/tables.ts'
import type { StreamRecord } from '../record.ts'
import type { TaskCounts } from './context.ts'
import type { Operator, OutputPort } from './operator.ts'
import type { TableStore } from './table-store.ts'

/** Hands on a change in place of the record's value. */
export function forwardChange(out: OutputPort, record: StreamRecord, change: Change<unknown>): void {
  const { value } = record
  record.value = change
  out.forward(record)
  record.value = value
}

/** Each record is its key's newest value; the last one to arrive counts, unless the table is versioned. */
export function tableSource(
  node: TableSourceNode,
  options: { store: TableStore | undefined; out: OutputPort; counts: TaskCounts },
): Operator {
  const { store, out, counts } = options
  return {
    process(record) {
      const { key, value, timestamp } = record
      if (key === null) {
        counts.keyless++
        return
      }
      if (store === undefined) {
        forwardChange(out, record, { newValue: value, oldValue: null, isLatest: true })
        return
      }
      const oldValue = node.sendsOldValues ? (store.get(key)?.value ?? null) : null
      const put = store.put(key, value, timestamp)
      if (put !== 'expired')
        forwardChange(out, record, { newValue: value, oldValue, isLatest: put === 'latest' })
    },
  }
}

export function tableToStream(out: OutputPort): Operator {
  return {
    process(record) {
      const { value } = record
      record.value = changeOf(value).newValue
      out.forward(record)
      record.value = value
    },
  }
}
