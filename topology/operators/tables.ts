/** Tables made of streams, streams made of tables, and tables made row by row of other tables. */
import { changeOf, type TableView } from '../change.ts'
import type { TableFilterNode, TableMapValuesNode, TableSourceNode } from '../nodes/tables.ts'
import type { TaskCounts } from './context.ts'
import { forwardChange } from './forward-change.ts'
import type { Downstream, Operator } from './operator.ts'
import type { TableStore } from './table-store.ts'

/** Each record is its key's newest value; the last one to arrive counts, unless the table is versioned. */
export function tableSource(
  node: TableSourceNode,
  options: { store: TableStore | undefined; out: Downstream; counts: TaskCounts },
): Operator {
  const { store, out, counts } = options
  return {
    process(record) {
      const { key, value, timestamp } = record
      if (key === null) {
        counts.keyless++
        return
      }
      const oldValue = node.sendsOldValues ? (store?.get(key)?.value ?? null) : null
      const put = store?.put(key, value, timestamp) ?? 'latest'
      if (put !== 'expired')
        forwardChange(out, record, { newValue: value, oldValue, isLatest: put === 'latest' })
    },
  }
}

export function tableToStream(out: Downstream): Operator {
  return {
    process(record) {
      const { value } = record
      record.value = changeOf(value).newValue
      out.forward(record)
      record.value = value
    },
  }
}

/** A row's value as a function of the row it is made of: null where there is none. */
export type RowFunction = (value: unknown, key: unknown) => unknown

/** Those rows that pass; a row that no longer does is deleted. */
export function filteredRow(node: TableFilterNode): RowFunction {
  return (value, key) => (value !== null && node.predicate(value, key) ? value : null)
}

export function mappedRow(node: TableMapValuesNode): RowFunction {
  return (value, key) => (value === null && !node.mapsAbsent ? null : (node.mapper(value, key) ?? null))
}

/** Makes each row of the row it comes from. */
export function tableRows(
  node: TableFilterNode | TableMapValuesNode,
  options: { row: RowFunction; store: TableStore | undefined; out: Downstream },
): Operator {
  const { row, store, out } = options
  const deletesAbsent = node.kind !== 'tableFilter' || !node.sendsOldValues || node.ofVersions
  return {
    process(record) {
      const { key, timestamp } = record
      const change = changeOf(record.value)
      const newValue = row(change.newValue, key)
      let oldValue: unknown = null
      if (node.sendsOldValues)
        oldValue = store === undefined ? row(change.oldValue, key) : (store.get(key)?.value ?? null)
      if (newValue === null && oldValue === null && !deletesAbsent) return
      if (store === undefined) forwardChange(out, record, { ...change, newValue, oldValue })
      else {
        store.put(key, newValue, timestamp)
        forwardChange(out, record, { newValue, oldValue, isLatest: true })
      }
    },
  }
}

/** The contents of such a table where it keeps none itself. */
export function rowsView(parent: TableView, row: RowFunction): TableView {
  return {
    get(key, asOf) {
      const found = parent.get(key, asOf)
      const value = row(found?.value ?? null, key)
      // Of a row that is made of an absent one no time is known.
      return value === null ? undefined : { value, timestamp: found?.timestamp ?? -1 }
    },
  }
}
