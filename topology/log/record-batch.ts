/**
 * Kafka's record format v2 (KIP-98; kafka.apache.org/documentation/#recordbatch), the part after the batch header:
 * the records of one batch, uncompressed. Both logs hand out batches in it, so that one cursor reads both.
 *
 *     record  := length:varint attributes:int8 timestampDelta:varlong offsetDelta:varint
 *                keyLength:varint key valueLength:varint value headerCount:varint header*
 *     header  := nameLength:varint name valueLength:varint value
 *
 * Lengths of null are -1; varints are zig-zag coded.
 */

import { TickerError } from '../errors.ts'
import type { Headers } from './log.ts'

/** A batch as fetched: one partition's consecutive records, not yet looked at. */
export interface RecordBatch {
  readonly topic: string
  readonly partition: number
  /** Offset of the batch's first record when it was written. */
  readonly baseOffset: number
  /** Offset of its last record when it was written; compaction may have removed records but not this. After the batch, the position is `lastOffset + 1`. */
  readonly lastOffset: number
  /** How many records `bytes` holds; 0 is possible (compaction). */
  readonly count: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  /** The broker's append time replaces the records' timestamps (Kafka's LogAppendTime); then all have `maxTimestamp`. */
  readonly logAppendTime: boolean
  /** The records. A view of the fetch buffer: copy what is kept beyond the batch. */
  readonly bytes: Buffer
}

/** Where a key or value that is null lies. */
const NULL = -1

/**
 * Walks a batch's records. One cursor is reused for many batches; its fields hold the current record until the next
 * call of `next()`, and `key` and `value` are views of the batch's bytes. Who reads them where they lie makes no views:
 * two for each record would take longer than the walk.
 */
export class RecordCursor {
  offset = 0
  timestamp = 0
  /** The batch's, in which the current record's key and value lie: from their first byte to before their end. */
  bytes: Buffer = Buffer.alloc(0)
  /** `NULL` if there is none. */
  keyAt = NULL
  keyEnd = 0
  valueAt = NULL
  valueEnd = 0
  #batch: RecordBatch | undefined
  #at = 0
  #left = 0
  #from = 0
  #headersAt = 0

  /** Begins a batch; records below `from` (the position) are passed over. */
  reset(batch: RecordBatch, from: number): this {
    this.#batch = batch
    this.bytes = batch.bytes
    this.#at = 0
    this.#left = batch.count
    this.#from = from
    return this
  }

  /** Moves to the next record; false at the batch's end. @throws TickerError LOG_CORRUPT */
  next(): boolean {
    const batch = this.#batch
    if (batch === undefined) return false
    while (this.#left > 0) {
      this.#left--
      const length = this.#varint()
      const end = this.#at + length
      if (length < 6 || end > this.bytes.length) throw this.#corrupt()
      this.#at++ // record attributes: none are defined
      const timestampDelta = this.#varlong()
      const offset = batch.baseOffset + this.#varint()
      if (offset > batch.lastOffset) throw this.#corrupt()
      if (offset < this.#from) {
        this.#at = end
        continue
      }
      this.offset = offset
      this.timestamp = batch.logAppendTime ? batch.maxTimestamp : batch.baseTimestamp + timestampDelta
      this.keyAt = this.#pass()
      this.keyEnd = this.#at
      this.valueAt = this.#pass()
      this.valueEnd = this.#at
      this.#headersAt = this.#at
      // One check for all the above: what lies beyond the bytes reads as nothing, and views are cut there.
      if (this.#at >= end) throw this.#corrupt()
      this.#at = end
      return true
    }
    return false
  }

  /** Bytes of the current record's key and value. */
  get size(): number {
    const key = this.keyAt === NULL ? 0 : this.keyEnd - this.keyAt
    return this.valueAt === NULL ? key : key + this.valueEnd - this.valueAt
  }

  get key(): Buffer | null {
    return this.keyAt === NULL ? null : this.bytes.subarray(this.keyAt, this.keyEnd)
  }

  get value(): Buffer | null {
    return this.valueAt === NULL ? null : this.bytes.subarray(this.valueAt, this.valueEnd)
  }

  /** The current record's headers, decoded now. @throws TickerError LOG_CORRUPT */
  headers(): Headers {
    const end = this.#at
    this.#at = this.#headersAt
    const count = this.#varint()
    const headers: [string, Buffer][] = []
    for (let i = 0; i < count && this.#at < end; i++) {
      const name = this.#take()
      const value = this.#take()
      headers.push([name === null ? '' : name.toString('utf8'), value ?? Buffer.alloc(0)])
    }
    if (headers.length !== count || this.#at > end) throw this.#corrupt()
    this.#at = end
    return headers
  }

  /** Whether the current record has headers, without decoding them: most have none. */
  hasHeaders(): boolean {
    return this.bytes[this.#headersAt] !== 0
  }

  #take(): Buffer | null {
    const start = this.#pass()
    return start === NULL ? null : this.bytes.subarray(start, this.#at)
  }

  /** Passes over a length and as many bytes; answers with where they begin. */
  #pass(): number {
    const length = this.#varint()
    if (length < 0) {
      if (length < -1) this.#at = Number.MAX_SAFE_INTEGER // no length: fails the check of the record's end
      return NULL
    }
    const start = this.#at
    this.#at += length
    return start
  }

  #varint(): number {
    const { bytes } = this
    let byte = bytes[this.#at++]!
    let value = byte & 127
    for (let shift = 7; byte & 128 && shift < 35; shift += 7) {
      byte = bytes[this.#at++]!
      value |= (byte & 127) << shift
    }
    return (value >>> 1) ^ -(value & 1)
  }

  /** 64 bits wide: a compacted batch's timestamp deltas exceed 32 bits, because the cleaner moves the base. */
  #varlong(): number {
    const { bytes } = this
    let byte = bytes[this.#at++]!
    let value = byte & 127
    for (let factor = 128; byte & 128 && factor < 2 ** 70; factor *= 128) {
      byte = bytes[this.#at++]!
      value += (byte & 127) * factor
    }
    return value % 2 ? -(value + 1) / 2 : value / 2
  }

  /** The batch ends here: nothing of it can be trusted any more. */
  #corrupt(): TickerError {
    this.#left = 0
    return corrupt(this.#batch!)
  }
}

function corrupt(batch: RecordBatch): TickerError {
  return new TickerError(
    'LOG_CORRUPT',
    `a record of ${batch.topic}/${batch.partition} runs over its batch at ${batch.baseOffset}`,
  )
}

/** What `encodeRecords` needs of a record. */
export interface EncodableRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers?: Headers
}

/**
 * Writes records in the format above; timestamps are relative to `baseTimestamp` and exact within 2^52 ms of it, offsets
 * count from 0.
 */
export function encodeRecords(records: readonly EncodableRecord[], baseTimestamp: number): Buffer {
  let size = 0
  for (const record of records) size += maximumSize(record)
  const out = Buffer.allocUnsafe(size)
  let at = 0
  const varint = (value: number): void => {
    at = writeVarlong(out, at, value)
  }
  const take = (bytes: Buffer | null): void => {
    varint(bytes === null ? -1 : bytes.length)
    if (bytes !== null) at += bytes.copy(out, at)
  }
  records.forEach((record, index) => {
    // The length comes first and is not known yet: write the body five bytes later, then move it back.
    const start = at
    at += 5
    out[at++] = 0
    varint(record.timestamp - baseTimestamp)
    varint(index)
    take(record.key)
    take(record.value)
    const headers = record.headers ?? []
    varint(headers.length)
    for (const [name, value] of headers) {
      take(Buffer.from(name, 'utf8'))
      take(value)
    }
    const bodyEnd = at
    const bodyStart = writeVarlong(out, start, bodyEnd - start - 5)
    out.copyWithin(bodyStart, start + 5, bodyEnd)
    at = bodyStart + (bodyEnd - start - 5)
  })
  return out.subarray(0, at)
}

function maximumSize(record: EncodableRecord): number {
  let size = 5 + 1 + 10 + 5 + 5 + 5 + 5 + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const [name, value] of record.headers ?? []) size += 10 + name.length * 3 + value.length
  return size
}

function writeVarlong(out: Buffer, at: number, value: number): number {
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  while (rest >= 128) {
    out[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  out[at++] = rest
  return at
}

/** The records' encodings, one by one: what a log needs that leaves some out, as compaction does. @throws TickerError LOG_CORRUPT */
export function splitRecords(batch: RecordBatch): Buffer[] {
  const { bytes, count } = batch
  const records: Buffer[] = []
  let at = 0
  for (let i = 0; i < count; i++) {
    const start = at
    let length = 0
    let factor = 1
    let byte: number
    do {
      byte = bytes[at++] ?? Number.NaN
      length += (byte & 127) * factor
      factor *= 128
    } while (byte & 128)
    at += length / 2 // zig-zag: twice the length, which is never negative
    if (!(at <= bytes.length)) throw corrupt(batch)
    records.push(bytes.subarray(start, at))
  }
  return records
}
