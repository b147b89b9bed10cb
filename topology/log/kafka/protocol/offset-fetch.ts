/**
 * OffsetFetch v7 with `requireStable` (KIP-447): while a transaction that commits positions is being ended, the broker
 * answers UNSTABLE_OFFSET_COMMIT rather than the position before it. kafkajs asks without, and reads old positions.
 */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import type { CommittedOffset } from '../../log.ts'
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

export function offsetFetchRequest(
  group: string,
  topics: ReadonlyMap<string, readonly number[]>,
): Request<CommittedOffset[]> {
  const body = new Writer().noTags().compactString(group) // tags of the request's header
  body.compactArray([...topics], ([topic, partitions]) => {
    body
      .compactString(topic)
      .compactArray(partitions, partition => body.int32(partition))
      .noTags()
  })
  body.int8(1).noTags() // require stable
  return { apiKey: 9, apiVersion: 7, apiName: 'OffsetFetch', body: body.build(), decode }
}

function decode(answer: Buffer): CommittedOffset[] {
  const scanner = new Scanner(answer)
  scanner.skipTags()
  scanner.int32() // throttled for
  const offsets = scanner
    .compactArray(() => {
      const topic = scanner.compactString() ?? ''
      const partitions = scanner.compactArray(() => {
        const partition = scanner.int32()
        const position = scanner.int64()
        scanner.int32() // leader epoch
        scanner.compactString() // metadata
        throwAnswer(scanner.int16())
        scanner.skipTags()
        return { topic, partition, position }
      })
      scanner.skipTags()
      return partitions
    })
    .flat()
  throwAnswer(scanner.int16())
  // -1 where the group has committed nothing.
  return offsets.filter(each => each.position >= 0)
}

function throwAnswer(errorCode: number): void {
  if (errorCode !== 0) throw createErrorFromCode(errorCode)
}
