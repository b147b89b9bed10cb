/** The operators that keep nothing: each is a function of the record at hand. */
import type { FilterNode, MapValuesNode, MergeNode, PeekNode, SplitNode } from '../graph.ts'
import type { Operator, OutputPort } from './operator.ts'

export function filter(node: FilterNode, out: OutputPort): Operator {
  return {
    process(record) {
      if (record.value !== null && node.predicate(record.value, record.key)) out.forward(record)
    },
  }
}

export function mapValues(node: MapValuesNode, out: OutputPort): Operator {
  return {
    process(record) {
      const value = record.value
      if (value !== null) record.value = node.mapper(value, record.key)
      out.forward(record)
      record.value = value
    },
  }
}

export function peek(node: PeekNode, out: OutputPort): Operator {
  return {
    process(record) {
      node.action(record.value, record.key, record.timestamp)
      out.forward(record)
    },
  }
}

export function merge(_node: MergeNode, out: OutputPort): Operator {
  return { process: record => out.forward(record) }
}

export function split(node: SplitNode, outputs: ReadonlyMap<string, OutputPort>): Operator {
  const branches = node.branches.map(branch => ({ branch, out: outputs.get(branch.output)! }))
  return {
    process(record) {
      if (record.value === null) return
      for (const { branch, out } of branches) {
        if (branch.predicate(record.value, record.key)) return out.forward(record)
      }
    },
  }
}
