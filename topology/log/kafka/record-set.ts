/**
 * What a fetch answers for a partition: record batches in format v2 (kafka.apache.org/documentation/#recordbatch), one
 * after another.
 *
 *     batch := baseOffset:int64 length:int32 leaderEpoch:int32 magic:int8 crc:uint32 attributes:int16
 *              lastOffsetDelta:int32 baseTimestamp:int64 maxTimestamp:int64 producerId:int64 producerEpoch:int16
 *              baseSequence:int32 count:int32 records
 */
import { TickerError } from '../../errors.ts'
import type { TopicPartition } from '../log.ts'
import { type RecordBatch, RecordCursor } from '../record-batch.ts'
import { codecs } from './compression.ts'
import type { AbortedTransaction } from './protocol/fetch.ts'

/** Where things stand in a batch, from its first byte. */
export const batchLayout = {
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
  records: 61,
} as const

export const batchAttributes = { codec: 7, logAppendTime: 8, transactional: 16, control: 32 } as const

/** The type of the control record that ends a transaction (KIP-98): 0 aborted, 1 committed. */
const ABORT = 0

/** A batch as it is in the log: `bytes` may be compressed. */
interface StoredBatch extends RecordBatch {
  readonly codec: number
  readonly transactional: boolean
  readonly control: boolean
  readonly producerId: bigint
}

/**
 * The batches that a read_committed reader sees. Where the last ones are hidden (aborted, transaction markers, or emptied
 * by compaction), an empty batch tells how far the reader has come.
 * @throws TickerError LOG_CORRUPT
 */
export async function readRecordSet(
  tp: TopicPartition,
  records: Buffer,
  aborted: readonly AbortedTransaction[],
): Promise<RecordBatch[]> {
  const batches = [...storedBatches(tp, records)]
  const visible = new Set(withoutAborted(batches, aborted))
  const result: RecordBatch[] = []
  for (const batch of batches) {
    if (!visible.has(batch)) continue
    const { topic, partition, baseOffset, lastOffset, count, baseTimestamp, maxTimestamp, logAppendTime } =
      batch
    const bytes = batch.codec === 0 ? batch.bytes : await decompress(batch)
    result.push({
      topic,
      partition,
      baseOffset,
      lastOffset,
      count,
      baseTimestamp,
      maxTimestamp,
      logAppendTime,
      bytes,
    })
  }
  const last = batches.at(-1)
  if (last !== undefined && !visible.has(last)) {
    result.push(emptyBatch(tp, (result.at(-1)?.lastOffset ?? last.baseOffset - 1) + 1, last.lastOffset))
  }
  return result
}

/** Moves a reader over offsets that hold nothing for it. */
export function emptyBatch(tp: TopicPartition, baseOffset: number, lastOffset: number): RecordBatch {
  const { topic, partition } = tp
  const nothing = {
    count: 0,
    baseTimestamp: 0,
    maxTimestamp: 0,
    logAppendTime: false,
    bytes: Buffer.alloc(0),
  }
  return { topic, partition, baseOffset: Math.min(baseOffset, lastOffset), lastOffset, ...nothing }
}

/**
 * A producer's range of aborted records begins at its `firstOffset` and ends at that producer's next abort marker. The
 * broker lists the ranges in the order in which they ended: with several producers that is not the order of their begin.
 * A marker is told by the batch's control flag: a user's key may have the same bytes.
 */
function withoutAborted(
  batches: readonly StoredBatch[],
  aborted: readonly AbortedTransaction[],
): StoredBatch[] {
  const ranges = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const open = new Set<bigint>()
  let next = 0
  return batches.filter(batch => {
    while (next < ranges.length && ranges[next]!.firstOffset <= batch.lastOffset)
      open.add(ranges[next++]!.producerId)
    if (batch.control) {
      if (markerType(batch) === ABORT) open.delete(batch.producerId)
      return false
    }
    return batch.count > 0 && !(batch.transactional && open.has(batch.producerId))
  })
}

/** Control records are not compressed; their key is `version:int16 type:int16`. Undefined once compaction took the record. */
function markerType(batch: StoredBatch): number | undefined {
  const marker = new RecordCursor().reset(batch, 0)
  if (!marker.next() || marker.key === null || marker.key.length < 4) return undefined
  return marker.key.readInt16BE(2)
}

function* storedBatches({ topic, partition }: TopicPartition, records: Buffer): Generator<StoredBatch> {
  const at = batchLayout
  const corrupt = (offset: number, reason: string) =>
    new TickerError('LOG_CORRUPT', `the batch at ${offset} of ${topic}/${partition} ${reason}`)
  let reached = -1
  for (let start = 0; start + at.crc <= records.length; ) {
    const baseOffset = readInt64(records, start)
    const length = records.readInt32BE(start + at.length)
    const end = start + at.leaderEpoch + length
    const magic = records[start + at.magic]
    if (magic !== 2)
      throw corrupt(baseOffset, `has record format v${magic}; only v2 (Kafka 0.11) can be read`)
    if (length < at.records - at.leaderEpoch) throw corrupt(baseOffset, `says it is ${length} bytes long`)
    if (end > records.length) return // cut off by the size limit of the fetch
    const attributes = records.readInt16BE(start + at.attributes)
    const lastOffset = baseOffset + records.readInt32BE(start + at.lastOffsetDelta)
    const count = records.readInt32BE(start + at.count)
    // A reader that believed it would go backwards, and fetch the same for ever.
    if (baseOffset < 0 || lastOffset < Math.max(baseOffset, reached) || count < 0)
      throw corrupt(baseOffset, `says that it ends at ${lastOffset} and has ${count} records`)
    reached = lastOffset
    yield {
      topic,
      partition,
      baseOffset,
      lastOffset,
      count,
      baseTimestamp: readInt64(records, start + at.baseTimestamp),
      maxTimestamp: readInt64(records, start + at.maxTimestamp),
      logAppendTime: (attributes & batchAttributes.logAppendTime) !== 0,
      codec: attributes & batchAttributes.codec,
      transactional: (attributes & batchAttributes.transactional) !== 0,
      control: (attributes & batchAttributes.control) !== 0,
      producerId: records.readBigInt64BE(start + at.producerId),
      bytes: records.subarray(start + at.records, end),
    }
    start = end
  }
}

/** Exact below 2^53. */
function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4294967296 + bytes.readUInt32BE(at + 4)
}

async function decompress({ codec, bytes, topic, partition, baseOffset }: StoredBatch): Promise<Buffer> {
  const inflate = codecs[codec]
  const which = `the batch at ${baseOffset} of ${topic}/${partition}`
  if (inflate === undefined) {
    throw new TickerError(
      'LOG_CORRUPT',
      `${which} is compressed with codec ${codec}; gzip, snappy and lz4 can be read`,
    )
  }
  try {
    return await inflate(bytes)
  } catch (cause) {
    throw new TickerError('LOG_CORRUPT', `${which} cannot be decompressed: ${cause}`, { cause })
  }
}
