import type { TableView } from '../change.ts'
import type { GlobalJoinNode } from '../nodes/joins.ts'
import type { TaskCounts } from './context.ts'
import type { Operator, OutputPort } from './operator.ts'

/** A stream's records joined with what a global table holds, now, for the key that each is mapped to. */
export function globalJoin(
  node: GlobalJoinNode,
  options: { table: TableView; out: OutputPort; counts: TaskCounts },
): Operator {
  const { table, out, counts } = options
  return {
    process(record) {
      const { key, value } = record
      if (value === null) return
      const tableKey = node.tableKey(value, key)
      if (tableKey === null && !node.keepsUnmatched) counts.keyless++
      const found = tableKey === null ? undefined : table.get(tableKey)
      if (found === undefined && !node.keepsUnmatched) return
      record.value = node.joiner(value, found?.value ?? null, key)
      out.forward(record)
      record.value = value
    },
  }
}
