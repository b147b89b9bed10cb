/** DescribeQuorum v1 (KIP-836): what the leader of the controllers says of itself, which includes the time there. */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

const METADATA = '__cluster_metadata'

export const DESCRIBE_QUORUM = 55

/** Answers with the leader's clock, in milliseconds since the epoch; undefined where it does not tell. */
export function leaderClockRequest(): Request<number | undefined> {
  const body = new Writer().noTags() // of the request's header
  body.compactArray([METADATA], topic => {
    body.compactString(topic)
    body.compactArray([0], partition => body.int32(partition).noTags())
    body.noTags()
  })
  body.noTags()
  return { apiKey: DESCRIBE_QUORUM, apiVersion: 1, apiName: 'DescribeQuorum', body: body.build(), decode }
}

function decode(answer: Buffer): number | undefined {
  const scanner = new Scanner(answer)
  scanner.skipTags()
  const errorCode = scanner.int16()
  if (errorCode !== 0) throw createErrorFromCode(errorCode)
  const replicas = () =>
    scanner.compactArray(() => {
      const replica = scanner.int32()
      scanner.int64() // the end of its log
      scanner.int64() // when it fetched last
      // The leader has caught up with itself now.
      const caughtUpAt = scanner.int64()
      scanner.skipTags()
      return { replica, caughtUpAt }
    })
  const [clock] = scanner
    .compactArray(() => {
      scanner.compactString()
      const clocks = scanner.compactArray(() => {
        scanner.int32() // partition
        const partitionError = scanner.int16()
        const leader = scanner.int32()
        scanner.int32() // its epoch
        scanner.int64() // high watermark
        const voters = replicas()
        replicas() // observers
        scanner.skipTags()
        if (partitionError !== 0) throw createErrorFromCode(partitionError)
        return voters.find(({ replica }) => replica === leader)?.caughtUpAt
      })
      scanner.skipTags()
      return clocks
    })
    .flat()
  return clock !== undefined && clock > 0 ? clock : undefined
}
