import { changeOf } from '../change.ts'
import type { TableGroupByNode } from '../nodes/tables.ts'
import { forwardChange } from './forward-change.ts'
import type { Operator, OutputPort } from './operator.ts'

/**
 * What a row's change is for its groups: within one group a change of what is in it; else what leaves the old group, then
 * what comes to the new one. A null group, or nothing for it, leaves that side out.
 */
export function tableGroupBy(node: TableGroupByNode, out: OutputPort): Operator {
  return {
    process(record) {
      const { key } = record
      const { newValue, oldValue, isLatest } = changeOf(record.value)
      // An aggregate is of the latest values only.
      if (!isLatest) return
      const side = (value: unknown): readonly [key: unknown, value: unknown] | undefined => {
        const pair = value === null ? undefined : node.mapper(value, key)
        return pair === undefined || pair[0] === null || pair[1] === null ? undefined : pair
      }
      const from = side(oldValue)
      const to = side(newValue)
      if (from !== undefined && to !== undefined && isSame(from[0], to[0])) {
        record.key = to[0]
        forwardChange(out, record, { newValue: to[1], oldValue: from[1], isLatest })
      } else {
        if (from !== undefined) {
          record.key = from[0]
          forwardChange(out, record, { newValue: null, oldValue: from[1], isLatest })
        }
        if (to !== undefined) {
          record.key = to[0]
          forwardChange(out, record, { newValue: to[1], oldValue: null, isLatest })
        }
      }
      record.key = key
    },
  }

  function isSame(a: unknown, b: unknown): boolean {
    return a === b || node.key.serialize(a).equals(node.key.serialize(b))
  }
}
