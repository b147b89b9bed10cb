/** Writes a record batch in format v2; `record-set.ts` has the layout. */
import crc32C from 'kafkajs/src/protocol/recordBatch/crc32C/index.js'
import type { ProducerRecord } from '../log.ts'
import { encodeRecords } from '../record-batch.ts'
import { batchLayout as at, batchAttributes } from './record-set.ts'

export interface BatchProducer {
  readonly producerId: string
  readonly producerEpoch: number
  /** Counts the producer's records in this partition; by it the broker knows a batch that was sent twice. */
  readonly sequence: number
  readonly transactional: boolean
}

export function encodeBatch(records: readonly ProducerRecord[], producer: BatchProducer): Buffer {
  const baseTimestamp = records[0]!.timestamp
  const body = encodeRecords(records, baseTimestamp)
  const batch = Buffer.alloc(at.records + body.length)
  batch.writeInt32BE(batch.length - at.leaderEpoch, at.length)
  batch.writeInt32BE(-1, at.leaderEpoch)
  batch.writeInt8(2, at.magic)
  batch.writeInt16BE(producer.transactional ? batchAttributes.transactional : 0, at.attributes)
  batch.writeInt32BE(records.length - 1, at.lastOffsetDelta)
  batch.writeBigInt64BE(BigInt(baseTimestamp), at.baseTimestamp)
  batch.writeBigInt64BE(BigInt(maximum(records)), at.maxTimestamp)
  batch.writeBigInt64BE(BigInt(producer.producerId), at.producerId)
  batch.writeInt16BE(producer.producerEpoch, at.producerEpoch)
  batch.writeInt32BE(producer.sequence, at.baseSequence)
  batch.writeInt32BE(records.length, at.count)
  body.copy(batch, at.records)
  batch.writeUInt32BE(crc32C(batch.subarray(at.attributes)), at.crc)
  return batch
}

function maximum(records: readonly ProducerRecord[]): number {
  return records.reduce((greatest, { timestamp }) => Math.max(greatest, timestamp), -1)
}
