/** DescribeTransactions v0 (KIP-664): what a transaction's coordinator says of it. */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

export interface DescribedTransaction {
  /** Kafka's name, such as `CompleteCommit`. */
  readonly state: string
  readonly producerId: number
  readonly producerEpoch: number
}

const UNKNOWN_ID = 105

/** Answers with undefined for an id that was never initialised, or not for long. */
export function describeTransactionRequest(
  transactionalId: string,
): Request<DescribedTransaction | undefined> {
  const body = new Writer().noTags() // of the request's header
  body.compactArray([transactionalId], each => body.compactString(each)).noTags()
  return { apiKey: 65, apiVersion: 0, apiName: 'DescribeTransactions', body: body.build(), decode }
}

function decode(answer: Buffer): DescribedTransaction | undefined {
  const scanner = new Scanner(answer)
  scanner.skipTags()
  scanner.int32() // throttled for
  const [described] = scanner.compactArray(() => {
    const errorCode = scanner.int16()
    scanner.compactString() // the id
    const state = scanner.compactString() ?? ''
    scanner.int32() // its time-out
    scanner.int64() // its begin
    const producerId = scanner.int64()
    const producerEpoch = scanner.int16()
    scanner.compactArray(() => {
      scanner.compactString()
      scanner.compactArray(() => scanner.int32())
      scanner.skipTags()
    })
    scanner.skipTags()
    return { errorCode, state, producerId, producerEpoch }
  })
  if (described === undefined || described.errorCode === UNKNOWN_ID) return undefined
  if (described.errorCode !== 0) throw createErrorFromCode(described.errorCode)
  return described
}
