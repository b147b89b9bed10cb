/** DescribeProducers v0 (KIP-664): whose transactions are open in a partition, as its leader says. */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import type { TopicPartition } from '../../log.ts'
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

export interface OpenTransaction extends TopicPartition {
  readonly producerId: number
}

const UNKNOWN_TOPIC = 3
const TOPIC_FORBIDDEN = 29

/** Nothing is found in a topic that is gone, or that the client may write but not read. */
export function describeProducersRequest(partitions: readonly TopicPartition[]): Request<OpenTransaction[]> {
  const topics = [...new Set(partitions.map(each => each.topic))]
  const body = new Writer().noTags() // of the request's header
  body.compactArray(topics, topic => {
    const wanted = partitions.filter(each => each.topic === topic)
    body.compactString(topic).compactArray(wanted, each => body.int32(each.partition))
    body.noTags()
  })
  body.noTags()
  return { apiKey: 61, apiVersion: 0, apiName: 'DescribeProducers', body: body.build(), decode }
}

function decode(answer: Buffer): OpenTransaction[] {
  const scanner = new Scanner(answer)
  scanner.skipTags()
  scanner.int32() // throttled for
  const open: OpenTransaction[] = []
  scanner.compactArray(() => {
    const topic = scanner.compactString() ?? ''
    scanner.compactArray(() => {
      const partition = scanner.int32()
      const errorCode = scanner.int16()
      scanner.compactString() // the error in words
      scanner.compactArray(() => {
        const producerId = scanner.int64()
        scanner.int32() // its epoch, last sequence, last time, and that of the coordinator
        scanner.int32()
        scanner.int64()
        scanner.int32()
        if (scanner.int64() >= 0) open.push({ topic, partition, producerId })
        scanner.skipTags()
      })
      scanner.skipTags()
      if (errorCode !== 0 && errorCode !== UNKNOWN_TOPIC && errorCode !== TOPIC_FORBIDDEN)
        throw createErrorFromCode(errorCode)
    })
    scanner.skipTags()
  })
  return open
}
