/**
 * OffsetFetch v7 with `requireStable` (KIP-447): while a transaction that commits positions is being ended, the broker
 * answers UNSTABLE_OFFSET_COMMIT rather than the position before it. kafkajs asks without, and reads old positions.
 */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import type { CommittedOffset, TopicPartition } from '../../log.ts'
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

export interface FetchedOffsets {
  readonly committed: readonly CommittedOffset[]
  /** Partitions whose position an open transaction is about to replace. */
  readonly unstable: readonly TopicPartition[]
}

const UNSTABLE_OFFSET_COMMIT = 88

/** @param partitions null for all that have one */
export function offsetFetchRequest(
  group: string,
  partitions: readonly TopicPartition[] | null,
  { stable }: { readonly stable: boolean },
): Request<FetchedOffsets> {
  const body = new Writer().noTags().compactString(group) // tags of the request's header
  if (partitions === null) body.unsignedVarint(0)
  else {
    const topics = [...new Set(partitions.map(each => each.topic))]
    body.compactArray(topics, topic => {
      const wanted = partitions.filter(each => each.topic === topic)
      body.compactString(topic).compactArray(wanted, each => body.int32(each.partition))
      body.noTags()
    })
  }
  body.int8(stable ? 1 : 0).noTags()
  return { apiKey: 9, apiVersion: 7, apiName: 'OffsetFetch', body: body.build(), decode }
}

function decode(answer: Buffer): FetchedOffsets {
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
        const errorCode = scanner.int16()
        scanner.skipTags()
        return { topic, partition, position, errorCode }
      })
      scanner.skipTags()
      return partitions
    })
    .flat()
  const groupError = scanner.int16()
  const failed = offsets.find(each => each.errorCode !== 0 && each.errorCode !== UNSTABLE_OFFSET_COMMIT)
  if (groupError !== 0) throw createErrorFromCode(groupError)
  if (failed !== undefined) throw createErrorFromCode(failed.errorCode)
  const settled = offsets.filter(each => each.errorCode === 0)
  return {
    // -1 where the group has committed nothing.
    committed: settled
      .filter(each => each.position >= 0)
      .map(({ topic, partition, position }) => ({ topic, partition, position })),
    unstable: offsets.filter(each => each.errorCode !== 0),
  }
}
