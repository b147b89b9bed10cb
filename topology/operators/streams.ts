/** The operators that keep nothing: each is a function of the record at hand. */
import type {
  FilterNode,
  FlatMapNode,
  FlatMapValuesNode,
  MapValuesNode,
  PeekNode,
  SplitNode,
} from '../nodes/streams.ts'
import type { Operator, OutputPort } from './operator.ts'

export function filter(node: FilterNode, out: OutputPort): Operator {
  return {
    process(record) {
      if (node.predicate(record.value, record.key)) out.forward(record)
    },
  }
}

export function mapValues(node: MapValuesNode, out: OutputPort): Operator {
  return {
    process(record) {
      const value = record.value
      record.value = node.mapper(value, record.key)
      out.forward(record)
      record.value = value
    },
  }
}

export function flatMap(node: FlatMapNode, out: OutputPort): Operator {
  return {
    process(record) {
      const { key, value } = record
      for (const [newKey, newValue] of node.mapper(value, key)) {
        record.key = newKey
        record.value = newValue
        out.forward(record)
      }
      record.key = key
      record.value = value
    },
  }
}

export function flatMapValues(node: FlatMapValuesNode, out: OutputPort): Operator {
  return {
    process(record) {
      const { value } = record
      for (const newValue of node.mapper(value, record.key)) {
        record.value = newValue
        out.forward(record)
      }
      record.value = value
    },
  }
}

export function peek(node: PeekNode, out: OutputPort): Operator {
  return {
    process(record) {
      node.action(record.value, record.key, record.timestamp, record.headers)
      out.forward(record)
    },
  }
}

/** Hands everything on: where streams merge, and under a name. */
export function merge(out: OutputPort): Operator {
  return { process: record => out.forward(record) }
}

export function split(node: SplitNode, port: (output: string) => OutputPort): Operator {
  const branches = node.branches.map(branch => ({ branch, out: port(branch.output) }))
  return {
    process(record) {
      for (const { branch, out } of branches) {
        if (branch.predicate(record.value, record.key)) return out.forward(record)
      }
    },
  }
}
