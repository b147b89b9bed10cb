/** DescribeLogDirs v2 (KIP-113), which kafkajs does not have: how large a broker's replicas are. */
import type { TopicPartition } from '../../log.ts'
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

export interface ReplicaSize extends TopicPartition {
  readonly bytes: number
}

/** Empty for a client that may not describe the cluster. */
export function describeLogDirsRequest(partitions: readonly TopicPartition[]): Request<ReplicaSize[]> {
  const topics = [...new Set(partitions.map(each => each.topic))]
  const body = new Writer().noTags() // of the request's header
  body.compactArray(topics, topic => {
    const wanted = partitions.filter(each => each.topic === topic)
    body.compactString(topic).compactArray(wanted, ({ partition }) => body.int32(partition))
    body.noTags()
  })
  body.noTags()
  return { apiKey: 35, apiVersion: 2, apiName: 'DescribeLogDirs', body: body.build(), decode }
}

function decode(answer: Buffer): ReplicaSize[] {
  const scanner = new Scanner(answer)
  scanner.skipTags()
  scanner.int32() // throttled for
  const found: ReplicaSize[] = []
  scanner.compactArray(() => {
    scanner.int16() // error
    scanner.compactString() // directory
    scanner.compactArray(() => {
      const topic = scanner.compactString() ?? ''
      scanner.compactArray(() => {
        const partition = scanner.int32()
        const bytes = scanner.int64()
        scanner.int64() // lag
        const isMoving = scanner.int8() !== 0
        scanner.skipTags()
        if (!isMoving) found.push({ topic, partition, bytes })
      })
      scanner.skipTags()
    })
    scanner.skipTags()
  })
  return found
}
