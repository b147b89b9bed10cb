/** Metadata v10: the first version with topic ids (KIP-516), which kafkajs does not read. */
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

export interface TopicMetadata {
  readonly errorCode: number
  readonly topic: string
  /** Kafka's own, such as the one that holds the groups' positions. */
  readonly internal: boolean
  /** The topic id, in hexadecimal. */
  readonly topicId: string
  readonly partitions: readonly PartitionMetadata[]
}

export interface PartitionMetadata {
  readonly partition: number
  /** Node id; -1: it has none. */
  readonly leader: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
}

/** @param topics null for all */
export function metadataRequest(topics: readonly string[] | null): Request<TopicMetadata[]> {
  const body = new Writer().noTags() // of the request's header
  if (topics === null) body.unsignedVarint(0)
  else body.compactArray(topics, name => body.bytes(Buffer.alloc(16)).compactString(name).noTags())
  body.int8(0).int8(0).int8(0).noTags() // create no topic, list no permissions
  return { apiKey: 3, apiVersion: 10, apiName: 'Metadata', body: body.build(), decode }
}

function decode(answer: Buffer): TopicMetadata[] {
  const scanner = new Scanner(answer)
  scanner.skipTags()
  scanner.int32() // throttled for
  scanner.compactArray(() => {
    scanner.int32() // node, host, port, rack
    scanner.compactString()
    scanner.int32()
    scanner.compactString()
    scanner.skipTags()
  })
  scanner.compactString() // cluster
  scanner.int32() // controller
  return scanner.compactArray(() => {
    const errorCode = scanner.int16()
    const topic = scanner.compactString() ?? ''
    const topicId = scanner.bytes(16).toString('hex')
    const internal = scanner.int8() !== 0
    const partitions = scanner.compactArray(() => {
      scanner.int16() // error
      const partition = scanner.int32()
      const leader = scanner.int32()
      scanner.int32() // its epoch
      const replicas = scanner.compactArray(() => scanner.int32())
      const inSync = scanner.compactArray(() => scanner.int32())
      scanner.compactArray(() => scanner.int32()) // offline
      scanner.skipTags()
      return { partition, leader, replicas, inSync }
    })
    scanner.int32() // permissions
    scanner.skipTags()
    return { errorCode, topic, internal, topicId, partitions }
  })
}
