/**
 * A task's input: a queue of fetched batches per partition, of which the record with the smallest event time is next
 * (Kafka Streams' PartitionGroup). A head record is decoded when it becomes the head, since its event time decides.
 */

import { type Read, readerOf } from '../state/coder.ts'
import { type ErrorCode, TickerError } from './errors.ts'
import type { FailureReason, InputRecord } from './failure-policy.ts'
import type { TopicPartition } from './log/log.ts'
import { type RecordBatch, RecordCursor } from './log/record-batch.ts'
import type { RepartitionNode, SourceNode } from './nodes/topics.ts'
import type { OutputPort } from './operators/operator.ts'
import { type PoisonRecord, PoisonWindows } from './poison.ts'
import { noHeaders, type StreamRecord } from './record.ts'
import { readyOf } from './serde.ts'

/** One input partition: its fetched batches, its position, and its head record. */
export class PartitionQueue {
  readonly tp: TopicPartition
  readonly out: OutputPort
  /** The head record; meaningful while `ready`. */
  readonly record: StreamRecord = { key: null, value: null, timestamp: 0, headers: noHeaders }
  /** Whether a head record is decoded. */
  ready = false
  /** Windows that it closes and that are passed over; meaningful while `ready`. */
  poisonWindows: PoisonWindows | undefined
  /** The offset of the next record to process: what a commit commits. */
  position: number
  /** Of the batches held. */
  bytes = 0
  /** The greatest timestamp, as it is in the log, of the batch done with last; undefined if there was none since `passedTime`. */
  passed: number | undefined
  readonly #batches: RecordBatch[] = []
  readonly #cursor = new RecordCursor()
  readonly #source: SourceNode | RepartitionNode
  readonly #readKey: Read<unknown>
  readonly #readValue: Read<unknown>
  /** Records that are passed over, by offset. */
  readonly #poison: ReadonlyMap<number, PoisonRecord | PoisonWindows> | undefined
  readonly #onFailure: (record: InputRecord, reason: FailureReason) => void
  readonly #onPoison: (record: InputRecord, poison: PoisonRecord) => void
  #open: RecordBatch | undefined
  /** The greatest event time processed; -1 before the first. */
  partitionTime: number
  /** What must be fetched before the cursor's record can be decoded: a schema. */
  wanted: Promise<void> | undefined

  constructor(
    tp: TopicPartition,
    options: {
      source: SourceNode | RepartitionNode
      out: OutputPort
      position: number
      partitionTime: number
      poison: ReadonlyMap<number, PoisonRecord | PoisonWindows> | undefined
      /** Told of a record that cannot be decoded, before it is passed over. What it throws, `advance` throws. */
      onFailure: (record: InputRecord, reason: FailureReason) => void
      /** Told of a marked record, before it is passed over. */
      onPoison: (record: InputRecord, poison: PoisonRecord) => void
    },
  ) {
    this.tp = tp
    this.#source = options.source
    this.#readKey = readerOf(options.source.key)
    this.#readValue = readerOf(options.source.value)
    this.out = options.out
    this.position = options.position
    this.partitionTime = options.partitionTime
    this.#poison = options.poison
    this.#onFailure = options.onFailure
    this.#onPoison = options.onPoison
  }

  /** Of the head record. */
  get offset(): number {
    return this.#cursor.offset
  }

  /** Whether the event time of its records depends on the partition time. */
  get readsPartitionTime(): boolean {
    return this.#source.kind === 'source' && this.#source.readsPartitionTime === true
  }

  add(batch: RecordBatch): void {
    this.#batches.push(batch)
    this.bytes += sizeOf(batch)
  }

  /** Drops what was fetched and not processed. */
  clear(): void {
    this.#batches.length = 0
    this.bytes = 0
    this.#open = undefined
    this.wanted = undefined
    this.ready = false
  }

  /**
   * Decodes the next record as the head, if there is one. Records that cannot be used, or that are marked, are told to
   * `onFailure` or `onPoison` and passed over. Where something is `wanted` first, call again when that is there.
   */
  advance(): void {
    while (true) {
      this.ready = false
      if (this.wanted === undefined && !this.#next()) return
      this.wanted = this.#decode()
      if (this.ready || this.wanted !== undefined) return
    }
  }

  /** Moves past the head. */
  consume(): void {
    this.position = this.#cursor.offset + 1
    this.ready = false
    if (this.record.timestamp > this.partitionTime) this.partitionTime = this.record.timestamp
  }

  /** Moves the cursor to the next record at or beyond the position, dropping batches that are done. */
  #next(): boolean {
    while (true) {
      if (this.#open !== undefined) {
        if (this.#cursor.next()) return true
        // Also over offsets without a record: compaction and transaction markers leave such at a batch's end.
        this.position = Math.max(this.position, this.#open.lastOffset + 1)
        this.#batches.shift()
        this.bytes -= sizeOf(this.#open)
        if (this.#open.count > 0) this.passed = this.#open.maxTimestamp
      }
      this.#open = this.#batches[0]
      if (this.#open === undefined) return false
      this.#cursor.reset(this.#open, this.position)
    }
  }

  /** The head record as it lies in the log. */
  get input(): InputRecord {
    const cursor = this.#cursor
    const { key, value, timestamp, offset } = cursor
    return {
      ...this.tp,
      offset,
      // What the cursor gives is a view of what was fetched.
      key: key && Buffer.from(key),
      value: value && Buffer.from(value),
      timestamp,
      headers: cursor.hasHeaders() ? cursor.headers() : noHeaders,
    }
  }

  /** Decodes the cursor's record into the head, or gives it up (then `ready` stays false). */
  #decode(): Promise<void> | undefined {
    const poison = this.#poison?.get(this.#cursor.offset)
    if (poison !== undefined && !(poison instanceof PoisonWindows)) {
      this.#onPoison(this.input, poison)
      return this.#passOver()
    }
    this.poisonWindows = poison
    let fault: string | undefined
    try {
      this.#read()
    } catch (error) {
      return readyOf(error) ?? this.#giveUp('RECORD_UNDECODABLE', error)
    }
    try {
      fault = this.#judge()
    } catch (error) {
      return this.#giveUp('RECORD_INVALID', error)
    }
    if (fault !== undefined) return this.#giveUp('RECORD_INVALID', new TickerError('RECORD_INVALID', fault))
    const { timestamp } = this.record
    if (!(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
      const error = new TickerError('RECORD_TIMESTAMP_INVALID', `${timestamp} is no event time`)
      return this.#giveUp('RECORD_TIMESTAMP_INVALID', error)
    }
    this.ready = true
    return undefined
  }

  #read(): void {
    const { record } = this
    const cursor = this.#cursor
    const { bytes, keyAt, valueAt } = cursor
    record.key = keyAt < 0 ? null : this.#readKey(bytes, keyAt, cursor.keyEnd)
    record.value = valueAt < 0 ? null : this.#readValue(bytes, valueAt, cursor.valueEnd)
    record.timestamp = cursor.timestamp
    record.headers = cursor.hasHeaders() ? cursor.headers() : noHeaders
  }

  /** Finds out the record's event time, and what is wrong with it, if anything is. */
  #judge(): string | undefined {
    const { record } = this
    const source = this.#source
    if (source.kind !== 'source') return undefined
    if (source.timestamp !== undefined) {
      record.timestamp = source.timestamp(record.value, record, this.partitionTime)
    }
    return record.value === null ? undefined : source.validate?.(record.value, record)
  }

  #giveUp(code: ErrorCode, error: unknown): undefined {
    this.#onFailure(this.input, { stage: 'decode', operator: this.#source.name, code, error })
    return this.#passOver()
  }

  /** The time of a record that is passed over counts for nothing. */
  #passOver(): undefined {
    this.position = this.#cursor.offset + 1
    this.ready = false
  }
}

/** With what the batch itself takes, since one that only moves the position holds no bytes. */
function sizeOf({ bytes }: RecordBatch): number {
  return 200 + bytes.length
}

/** The queue whose head is oldest, or one for which something is `wanted` before that is known, or nothing. */
export function nextQueue(queues: readonly PartitionQueue[]): PartitionQueue | undefined {
  let oldest: PartitionQueue | undefined
  for (const queue of queues) {
    if (!queue.ready) {
      queue.advance()
      if (queue.wanted !== undefined) return queue
      if (!queue.ready) continue
    }
    if (oldest === undefined || queue.record.timestamp < oldest.record.timestamp) oldest = queue
  }
  return oldest
}

/** The timestamp in the log up to which an input has come since this was asked last, of the one that is behind. */
export function passedTime(queues: readonly PartitionQueue[]): number | undefined {
  let least: number | undefined
  for (const queue of queues) {
    if (queue.passed !== undefined && (least === undefined || queue.passed < least)) least = queue.passed
    queue.passed = undefined
  }
  return least
}
