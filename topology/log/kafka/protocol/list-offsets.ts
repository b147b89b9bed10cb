/**
 * ListOffsets v7 of many topics, read_committed. kafkajs gives up all of them where it cannot have one; what an operator looks at
 * is to be seen for the others.
 */
import type { TopicPartition } from '../../log.ts'
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

export interface ListedOffset extends TopicPartition {
  readonly offset: number
}

const TIMESTAMPS = { start: -2, end: -1 } as const

/** @param partitions of the broker that is asked. Those that it does not answer for are absent from the answer. */
export function listOffsetsRequest(
  partitions: readonly TopicPartition[],
  which: keyof typeof TIMESTAMPS,
): Request<ListedOffset[]> {
  const topics = [...new Set(partitions.map(each => each.topic))]
  const body = new Writer().noTags() // of the request's header
  body.int32(-1).int8(1) // no replica; read_committed
  body.compactArray(topics, topic => {
    const wanted = partitions.filter(each => each.topic === topic)
    body.compactString(topic)
    body.compactArray(wanted, ({ partition }) => {
      body.int32(partition).int32(-1).int64(TIMESTAMPS[which]).noTags() // no leader's epoch
    })
    body.noTags()
  })
  body.noTags()
  return { apiKey: 2, apiVersion: 7, apiName: 'ListOffsets', body: body.build(), decode }
}

function decode(answer: Buffer): ListedOffset[] {
  const scanner = new Scanner(answer)
  scanner.skipTags()
  scanner.int32() // throttled for
  const found: ListedOffset[] = []
  scanner.compactArray(() => {
    const topic = scanner.compactString() ?? ''
    scanner.compactArray(() => {
      const partition = scanner.int32()
      const errorCode = scanner.int16()
      scanner.int64() // timestamp
      const offset = scanner.int64()
      scanner.int32() // leader's epoch
      scanner.skipTags()
      if (errorCode === 0) found.push({ topic, partition, offset })
    })
    scanner.skipTags()
  })
  return found
}
