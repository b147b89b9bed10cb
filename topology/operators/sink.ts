import { TickerError } from '../errors.ts'
import type { RepartitionNode, SinkNode } from '../nodes/topics.ts'
import type { Collector, Operator } from './operator.ts'

/** Serializes a record for its topic; the task's collector sends it with the next commit. */
export function sink(node: SinkNode, collector: Collector): Operator {
  const [only = ''] = node.topics
  return {
    process(record) {
      const topic = node.topic === undefined ? only : node.topic(record.value, record.key)
      if (!node.topics.includes(topic)) {
        throw new TickerError('SINK_TOPIC_UNKNOWN', `${node.name} was told to write to ${topic}`)
      }
      const key = record.key === null ? null : node.key.serialize(record.key)
      const value = record.value === null ? null : node.value.serialize(record.value)
      const partitionKey = key === null ? null : (node.key.partitionKey?.(key) ?? key)
      collector.collect(topic, key, value, record.timestamp, record.headers, partitionKey)
    },
  }
}

/** Writes a record to where its key belongs. One without a key belongs nowhere, unless what follows takes such. */
export function repartition(
  node: RepartitionNode,
  options: { collector: Collector; topic: string; keepsNullKeys: boolean },
): Operator {
  const { collector, topic, keepsNullKeys } = options
  return {
    process(record) {
      if (record.key === null && !keepsNullKeys) return
      const key = record.key === null ? null : node.key.serialize(record.key)
      const value = record.value === null ? null : node.value.serialize(record.value)
      const partitionKey = key === null ? null : (node.key.partitionKey?.(key) ?? key)
      collector.collect(topic, key, value, record.timestamp, record.headers, partitionKey)
    },
  }
}
