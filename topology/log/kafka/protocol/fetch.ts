/** Fetch v11, read_committed (kafka.apache.org/protocol#The_Messages_Fetch). */
import type { TopicPartition } from '../../log.ts'
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

export interface FetchedPartition extends TopicPartition {
  readonly errorCode: number
  /** The end that read_committed readers may read to. */
  readonly lastStableOffset: number
  readonly aborted: readonly AbortedTransaction[]
  /** Record batches, the last one perhaps cut off. */
  readonly records: Buffer
}

/** A transaction of this producer that began at `firstOffset` of the partition was aborted, in or after the range fetched. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

export function fetchRequest(
  partitions: readonly (TopicPartition & { readonly position: number })[],
  limits: { readonly maxWait: number; readonly maxBytes: number; readonly partitionMaxBytes: number },
): Request<FetchedPartition[]> {
  const topics = new Set(partitions.map(each => each.topic))
  const body = new Writer()
    .int32(-1) // no replica
    .int32(limits.maxWait)
    .int32(1) // answer as soon as there is anything
    .int32(limits.maxBytes)
    .int8(1) // read_committed
    .int32(0) // no fetch session
    .int32(-1)
  body.array([...topics], topic => {
    const wanted = partitions.filter(each => each.topic === topic)
    body.string(topic).array(wanted, ({ partition, position }) => {
      body.int32(partition).int32(-1).int64(position).int64(-1).int32(limits.partitionMaxBytes)
    })
  })
  body.int32(0).string('') // nothing to forget, no rack
  return {
    apiKey: 1,
    apiVersion: 11,
    apiName: 'Fetch',
    body: body.build(),
    decode: decodeFetch,
    timeout: limits.maxWait + 30_000,
  }
}

export function decodeFetch(answer: Buffer): FetchedPartition[] {
  const scanner = new Scanner(answer)
  scanner.int32() // throttled for: 0 to a client that does not exceed a quota
  scanner.int16() // of the fetch session
  scanner.int32()
  return scanner
    .array(() => {
      const topic = scanner.string()
      return scanner.array(() => {
        const partition = scanner.int32()
        const errorCode = scanner.int16()
        scanner.int64() // high watermark
        const lastStableOffset = scanner.int64()
        scanner.int64() // log start
        const aborted = scanner.array(() => ({ producerId: readId(scanner), firstOffset: scanner.int64() }))
        scanner.int32() // preferred replica
        return {
          topic,
          partition,
          errorCode,
          lastStableOffset,
          aborted,
          records: scanner.bytes(scanner.int32()),
        }
      })
    })
    .flat()
}

function readId(scanner: Scanner): bigint {
  return scanner.bytes(8).readBigInt64BE()
}
