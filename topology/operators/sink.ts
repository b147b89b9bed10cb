import type { SinkNode } from '../graph.ts'
import type { Collector, Operator } from './operator.ts'

/** Serializes a record for its topic; the task's collector sends it with the next commit. */
export function sink(node: SinkNode, collector: Collector): Operator {
  return {
    process(record) {
      const key = record.key === null ? null : node.key.serialize(record.key)
      const value = record.value === null ? null : node.value.serialize(record.value)
      collector.collect(node.topic, key, value, record.timestamp, record.headers)
    },
  }
}
