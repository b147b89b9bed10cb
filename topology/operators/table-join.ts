/** Rows of equal keys, joined: what either table's change makes of the result. */
import { changeOf, type TableView } from '../change.ts'
import type { TableJoinNode } from '../nodes/tables.ts'
import { forwardChange } from './forward-change.ts'
import type { Downstream, Operator } from './operator.ts'
import type { TableStore } from './table-store.ts'

interface Sides {
  readonly left: TableView
  readonly right: TableView
}

/**
 * The operators of the left and of the right table. A result's time is the greater of both rows'; nothing comes out where
 * there was no result before and is none now.
 */
export function tableJoin(
  node: TableJoinNode,
  options: Sides & { store: TableStore | undefined; out: Downstream },
): readonly [left: Operator, right: Operator] {
  const { store, out } = options

  const side = (which: 'left' | 'right'): Operator => {
    const other = which === 'left' ? options.right : options.left
    const isKept = which === 'left' ? node.keepsLeft : node.keepsRight
    const join = (own: unknown, found: unknown): unknown =>
      which === 'left' ? joinRows(node, own, found) : joinRows(node, found, own)
    return {
      process(record) {
        const { key } = record
        const change = changeOf(record.value)
        // The other table's latest row has no business with a version that is past.
        if (!change.isLatest) return
        const found = other.get(key)
        if (found === undefined && !(isKept && (change.newValue !== null || change.oldValue !== null))) return
        const value = found?.value ?? null
        const newValue = join(change.newValue, value)
        const oldValue = node.sendsOldValues ? join(change.oldValue, value) : null
        const timestamp = Math.max(record.timestamp, found?.timestamp ?? -1)
        store?.put(key, newValue, timestamp)
        forwardChange(out, record, { newValue, oldValue, isLatest: true }, timestamp)
      },
    }
  }

  return [side('left'), side('right')]
}

/** The contents of such a table where it keeps none itself. */
export function tableJoinView(node: TableJoinNode, { left, right }: Sides): TableView {
  return {
    get(key) {
      const [a, b] = [left.get(key), right.get(key)]
      const value = joinRows(node, a?.value ?? null, b?.value ?? null)
      if (value === null) return undefined
      return { value, timestamp: Math.max(a?.timestamp ?? -1, b?.timestamp ?? -1) }
    },
  }
}

function joinRows(node: TableJoinNode, left: unknown, right: unknown): unknown {
  const isJoined = left !== null ? right !== null || node.keepsLeft : right !== null && node.keepsRight
  return isJoined ? (node.joiner(left, right) ?? null) : null
}
