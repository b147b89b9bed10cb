/**
 * A task's input: a queue of fetched batches per partition, of which the record with the smallest event time is next
 * (Kafka Streams' PartitionGroup). A head record is decoded when it becomes the head, since its event time decides.
 */
import type { ErrorCode } from './errors.ts'
import type { Headers, TopicPartition } from './log/log.ts'
import { type RecordBatch, RecordCursor } from './log/record-batch.ts'
import type { RepartitionNode, SourceNode } from './nodes/topics.ts'
import type { OutputPort } from './operators/operator.ts'
import { noHeaders, type StreamRecord } from './record.ts'
import { readyOf } from './serde.ts'

/** A record that cannot be processed, and why. */
export interface DeadLetter {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: Headers
  readonly code: ErrorCode
  readonly message: string
}

/** One input partition: its fetched batches, its position, and its head record. */
export class PartitionQueue {
  readonly tp: TopicPartition
  readonly out: OutputPort
  /** The head record; meaningful while `ready`. */
  readonly record: StreamRecord = { key: null, value: null, timestamp: 0, headers: noHeaders }
  /** Whether a head record is decoded. */
  ready = false
  /** The offset of the next record to process: what a commit commits. */
  position: number
  /** Batches held. */
  readonly #batches: RecordBatch[] = []
  readonly #cursor = new RecordCursor()
  readonly #source: SourceNode | RepartitionNode
  readonly #onDeadLetter: (letter: DeadLetter) => void
  #open: RecordBatch | undefined
  /** The greatest event time processed; -1 before the first. */
  partitionTime: number
  /** The cursor's record is to be decoded again: a schema was missing. */
  #retry = false

  constructor(
    tp: TopicPartition,
    options: {
      source: SourceNode | RepartitionNode
      out: OutputPort
      position: number
      partitionTime: number
      onDeadLetter: (letter: DeadLetter) => void
    },
  ) {
    this.tp = tp
    this.#source = options.source
    this.out = options.out
    this.position = options.position
    this.partitionTime = options.partitionTime
    this.#onDeadLetter = options.onDeadLetter
  }

  get batches(): number {
    return this.#batches.length
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
  }

  /** Drops what was fetched and not processed. */
  clear(): void {
    this.#batches.length = 0
    this.#open = undefined
    this.#retry = false
    this.ready = false
  }

  /**
   * Decodes the next record as the head, if there is one. Records that cannot be used are given to `onDeadLetter` and
   * passed over. Answers with a promise when something must be fetched before the record can be decoded; call again after.
   */
  advance(): Promise<void> | undefined {
    while (true) {
      if (!this.#retry && !this.#next()) {
        this.ready = false
        return undefined
      }
      this.#retry = false
      const wanted = this.#decode()
      if (wanted !== undefined) {
        this.#retry = true
        this.ready = false
        return wanted
      }
      if (this.ready) return undefined
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
      }
      this.#open = this.#batches[0]
      if (this.#open === undefined) return false
      this.#cursor.reset(this.#open, this.position)
    }
  }

  /** Decodes the cursor's record into the head, or gives it up as a dead letter (then `ready` stays false). */
  #decode(): Promise<void> | undefined {
    const { record } = this
    const cursor = this.#cursor
    const source = this.#source
    try {
      record.key = cursor.key === null ? null : source.key.deserialize(cursor.key)
      record.value = cursor.value === null ? null : source.value.deserialize(cursor.value)
    } catch (error) {
      const wanted = readyOf(error)
      if (wanted !== undefined) return wanted
      return this.#giveUp('RECORD_UNDECODABLE', error instanceof Error ? error.message : String(error))
    }
    record.timestamp = cursor.timestamp
    record.headers = cursor.hasHeaders() ? cursor.headers() : noHeaders
    if (source.kind === 'source') {
      if (source.timestamp !== undefined) {
        record.timestamp = source.timestamp(record.value, record, this.partitionTime)
      }
      const fault = record.value === null ? undefined : source.validate?.(record.value, record)
      if (fault !== undefined) return this.#giveUp('RECORD_INVALID', fault)
    }
    if (!(Number.isSafeInteger(record.timestamp) && record.timestamp >= 0)) {
      return this.#giveUp('RECORD_TIMESTAMP_INVALID', `${record.timestamp} is no event time`)
    }
    this.ready = true
    return undefined
  }

  #giveUp(code: ErrorCode, message: string): undefined {
    const { key, value, timestamp, offset } = this.#cursor
    this.#onDeadLetter({
      topic: this.tp.topic,
      partition: this.tp.partition,
      offset,
      key: key && Buffer.from(key),
      value: value && Buffer.from(value),
      timestamp,
      headers: this.#cursor.hasHeaders() ? this.#cursor.headers() : noHeaders,
      code,
      message,
    })
    // Its time counts for nothing.
    this.position = offset + 1
    this.ready = false
  }
}

/** The queue whose head is oldest, or what must be fetched first, or nothing. */
export function nextQueue(queues: readonly PartitionQueue[]): PartitionQueue | Promise<void> | undefined {
  let oldest: PartitionQueue | undefined
  for (const queue of queues) {
    if (!queue.ready) {
      const wanted = queue.advance()
      if (wanted !== undefined) return wanted
      if (!queue.ready) continue
    }
    if (oldest === undefined || queue.record.timestamp < oldest.record.timestamp) oldest = queue
  }
  return oldest
}
