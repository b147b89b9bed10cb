/** Produce v7 (kafka.apache.org/protocol#The_Messages_Produce), acknowledged by all replicas in sync. */
import type { TopicPartition } from '../../log.ts'
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

export interface Produced extends TopicPartition {
  readonly errorCode: number
  /** Of the batch's first record. */
  readonly baseOffset: number
}

const TIMEOUT = 30_000

export function produceRequest(
  transactionalId: string | null,
  batches: readonly (TopicPartition & { readonly batch: Buffer })[],
): Request<Produced[]> {
  const topics = new Set(batches.map(each => each.topic))
  const body = new Writer().string(transactionalId).int16(-1).int32(TIMEOUT)
  body.array([...topics], topic => {
    const wanted = batches.filter(each => each.topic === topic)
    body.string(topic).array(wanted, ({ partition, batch }) => {
      body.int32(partition).int32(batch.length).bytes(batch)
    })
  })
  return {
    apiKey: 0,
    apiVersion: 7,
    apiName: 'Produce',
    body: body.build(),
    decode,
    timeout: TIMEOUT + 5_000,
  }
}

function decode(answer: Buffer): Produced[] {
  const scanner = new Scanner(answer)
  return scanner
    .array(() => {
      const topic = scanner.string()
      return scanner.array(() => {
        const partition = scanner.int32()
        const errorCode = scanner.int16()
        const baseOffset = scanner.int64()
        scanner.int64() // append time
        scanner.int64() // log start
        return { topic, partition, errorCode, baseOffset }
      })
    })
    .flat()
}
