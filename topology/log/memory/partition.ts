import { type EncodableRecord, encodeRecords, type RecordBatch, RecordCursor } from '../record-batch.ts'
import { compact } from './compaction.ts'

/** A batch as the log keeps it. */
export interface StoredBatch extends RecordBatch {
  /** Whose open transaction it belongs to; undefined once that has committed, and for records without one. */
  producerId: number | undefined
  /** The log's clock when it was written; retention counts from here, since timestamps are event time. */
  readonly appendedAt: number
}

/** What a topic's settings say about keeping records. */
export interface Retention {
  /** Bytes of records per partition above which the oldest are dropped; Infinity: never. */
  readonly bytes: number
  /** Milliseconds after which records are dropped; Infinity: never. */
  readonly age: number
  /** Only the latest record per key is kept. */
  readonly compacted: boolean
  /** Milliseconds for which a compacted topic keeps a deletion (a null value), so that readers under way see it. */
  readonly tombstoneAge: number
}

/** Bytes a compacted partition may gain, beyond doubling, before it is compacted again. */
const COMPACTION_SLACK = 1 << 20

/**
 * One partition: batches in offset order, the *stable end* below which no transaction is open (Kafka's last stable
 * offset), and what keeps it from growing for ever. A transaction's end takes an offset, as Kafka's control marker
 * does. Readers never see beyond the stable end, so records of an aborted transaction can be removed at once.
 */
export class Partition {
  readonly topic: string
  readonly partition: number
  /** First offset still there. */
  start = 0
  /** Offset of the next record written. */
  end = 0
  /** Bytes of records held. */
  bytes = 0
  readonly #retention: Retention
  readonly #now: () => number
  #batches: StoredBatch[] = []
  /** First offset of each open transaction, by producer id; in order of their begin. */
  readonly #open = new Map<number, number>()
  #bytesAfterCompaction = 0

  constructor(topic: string, partition: number, retention: Retention, now: () => number) {
    this.topic = topic
    this.partition = partition
    this.#retention = retention
    this.#now = now
  }

  get stableEnd(): number {
    for (const first of this.#open.values()) return first
    return this.end
  }

  get compacted(): boolean {
    return this.#retention.compacted
  }

  /** Writes the records as one batch; with a producer id they belong to its open transaction. */
  append(records: readonly EncodableRecord[], producerId: number | undefined): void {
    const baseTimestamp = records[0]!.timestamp
    const bytes = encodeRecords(records, baseTimestamp)
    let maxTimestamp = baseTimestamp
    for (const record of records) maxTimestamp = Math.max(maxTimestamp, record.timestamp)
    const baseOffset = this.end
    this.end += records.length
    if (producerId !== undefined && !this.#open.has(producerId)) this.#open.set(producerId, baseOffset)
    this.bytes += bytes.length
    this.#batches.push({
      topic: this.topic,
      partition: this.partition,
      baseOffset,
      lastOffset: this.end - 1,
      count: records.length,
      baseTimestamp,
      maxTimestamp,
      logAppendTime: false,
      bytes,
      producerId,
      appendedAt: this.#now(),
    })
    this.#compactIfDue()
  }

  /** Writes the marker that ends the producer's transaction here. */
  endTransaction(producerId: number, committed: boolean): void {
    const first = this.#open.get(producerId)
    if (first === undefined) return
    this.#open.delete(producerId)
    this.end++
    const from = this.#indexOf(first)
    const kept = this.#batches.slice(0, from)
    for (let i = from; i < this.#batches.length; i++) {
      const batch = this.#batches[i]!
      if (batch.producerId !== producerId) {
        kept.push(batch)
      } else if (committed) {
        batch.producerId = undefined
        kept.push(batch)
      } else {
        this.bytes -= batch.bytes.length
      }
    }
    this.#batches = kept
    this.#compactIfDue()
  }

  /**
   * Batches from `position` on, at least one if there is any, then as many as `maxBytes` allows. Where nothing more
   * than markers and removed records lies between the last of them and the stable end, an empty batch covers it, so
   * that a reader's position reaches the end.
   */
  read(position: number, maxBytes: number): RecordBatch[] {
    const end = this.stableEnd
    let next = Math.max(position, this.start)
    const result: RecordBatch[] = []
    for (let i = this.#indexOf(next), bytes = 0; i < this.#batches.length; i++) {
      const batch = this.#batches[i]!
      if (batch.baseOffset >= end) break
      bytes += batch.bytes.length
      if (result.length > 0 && bytes > maxBytes) return result
      result.push(batch)
      next = batch.lastOffset + 1
    }
    if (next < end) result.push(this.#gap(next, end - 1))
    return result
  }

  /** The offset of the first record that can be read whose timestamp is `time` or later; the stable end if there is none. */
  positionAt(time: number): number {
    const cursor = new RecordCursor()
    for (const batch of this.#batches) {
      if (batch.baseOffset >= this.stableEnd) break
      if (batch.maxTimestamp < time) continue
      cursor.reset(batch, this.start)
      while (cursor.next()) if (cursor.timestamp >= time) return cursor.offset
    }
    return this.stableEnd
  }

  /**
   * Drops the oldest batches that retention no longer asks for, never one at or beyond `floor()`, which somebody
   * still has to read. Returns whether the partition is within its bytes.
   */
  trim(floor: () => number): boolean {
    const { bytes, age } = this.#retention
    const oldest = this.#now() - age
    const tooMuch = (batch: StoredBatch): boolean => this.bytes > bytes || batch.appendedAt < oldest
    if (this.#batches.length > 0 && tooMuch(this.#batches[0]!)) {
      const limit = Math.min(floor(), this.stableEnd)
      let dropped = 0
      for (const batch of this.#batches) {
        if (batch.lastOffset >= limit || !tooMuch(batch)) break
        this.bytes -= batch.bytes.length
        this.start = batch.lastOffset + 1
        dropped++
      }
      this.#batches.splice(0, dropped)
    }
    return this.bytes <= bytes
  }

  /** Forgets what lies before the offset, in whole batches. */
  deleteBefore(offset: number): void {
    this.start = Math.max(this.start, Math.min(offset, this.stableEnd))
    const dropped = this.#batches.splice(0, this.#indexOf(this.start))
    for (const batch of dropped) this.bytes -= batch.bytes.length
  }

  #compactIfDue(): void {
    if (!this.#retention.compacted || this.bytes < 2 * this.#bytesAfterCompaction + COMPACTION_SLACK) return
    this.#batches = compact(this.#batches, this.stableEnd, this.#now() - this.#retention.tombstoneAge)
    this.bytes = 0
    for (const batch of this.#batches) this.bytes += batch.bytes.length
    this.#bytesAfterCompaction = this.bytes
  }

  /** Index of the first batch that reaches `offset` or lies beyond it. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#batches[middle]!.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  #gap(first: number, last: number): RecordBatch {
    return {
      topic: this.topic,
      partition: this.partition,
      baseOffset: first,
      lastOffset: last,
      count: 0,
      baseTimestamp: 0,
      maxTimestamp: 0,
      logAppendTime: false,
      bytes: Buffer.alloc(0),
    }
  }
}
