/** One aggregate per key. */
import { changeOf } from '../change.ts'
import type { Adder, AggregateNode } from '../nodes/aggregations.ts'
import type { GroupedTableAggregateNode } from '../nodes/tables.ts'
import type { TaskCounts } from './context.ts'
import { forwardChange } from './forward-change.ts'
import type { Downstream, Operator } from './operator.ts'
import type { TableStore } from './table-store.ts'

/**
 * Adds the values of a stream. An aggregate's time is the greatest of its values'. Records without a key or a value are
 * dropped.
 *
 * The old value of a key's first aggregate is null. Kafka Streams says the initial value there as long as nothing is
 * cached, and null otherwise; then a subtractor takes away what was never added.
 */
export function aggregate(
  node: AggregateNode,
  adder: Adder,
  options: { store: TableStore; out: Downstream; counts: TaskCounts },
): Operator {
  const { store, out, counts } = options
  return {
    process(record) {
      const { key, value } = record
      if (key === null) counts.keyless++
      if (key === null || value === null) return
      const found = store.get(key)
      const newValue = adder.add(found === undefined ? node.initial() : found.value, value, key) ?? null
      const timestamp = Math.max(record.timestamp, found?.timestamp ?? -1)
      store.put(key, newValue, timestamp)
      const oldValue = node.sendsOldValues ? (found?.value ?? null) : null
      forwardChange(out, record, { newValue, oldValue, isLatest: true }, timestamp)
    },
  }
}

/** Takes a row's old value away from its group's aggregate, then adds the new one. */
export function groupedTableAggregate(
  node: GroupedTableAggregateNode,
  options: { store: TableStore; out: Downstream },
): Operator {
  const { store, out } = options
  return {
    process(record) {
      const { key } = record
      const change = changeOf(record.value)
      const found = store.get(key)
      let newValue = found?.value ?? null
      if (change.oldValue !== null && newValue !== null)
        newValue = node.subtract(newValue, change.oldValue, key) ?? null
      if (change.newValue !== null)
        newValue = node.add(newValue ?? node.initial(), change.newValue, key) ?? null
      const timestamp = Math.max(record.timestamp, found?.timestamp ?? -1)
      store.put(key, newValue, timestamp)
      const oldValue = node.sendsOldValues ? (found?.value ?? null) : null
      forwardChange(out, record, { newValue, oldValue, isLatest: true }, timestamp)
    },
  }
}
