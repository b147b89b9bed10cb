import { TickerError } from './errors.ts'
import type { Headers, ProducerRecord } from './log/log.ts'
import { encodeRecords } from './log/record-batch.ts'
import type { Collector } from './operators/operator.ts'
import { partitionOf } from './partitioner.ts'

/** Bytes of a batch with one record, beyond that record's key, value and headers: at most, and its head alone. */
const BATCH_OVERHEAD = 128
const BATCH_HEAD = 61
/** Bytes of a header beyond its name and value, at most. */
const HEADER_OVERHEAD = 10

/** A task's output since its last commit. It leaves with the next one, so that output and input position move together. */
export class RecordCollector implements Collector {
  /** Bytes of keys and values held. */
  size = 0
  #records: ProducerRecord[] = []
  readonly #partitions: ReadonlyMap<string, number>
  readonly #batchLimits: ReadonlyMap<string, number>
  /** The least of them. */
  readonly #smallestLimit: number
  readonly #taskPartition: number

  /** @param topics of each topic written to, the partitions, and the bytes of the largest batch that it takes */
  constructor(
    topics: {
      readonly partitions: ReadonlyMap<string, number>
      readonly batchLimits: ReadonlyMap<string, number>
    },
    taskPartition: number,
  ) {
    this.#partitions = topics.partitions
    this.#batchLimits = topics.batchLimits
    this.#smallestLimit = Math.min(...topics.batchLimits.values())
    this.#taskPartition = taskPartition
  }

  /**
   * A record without a key goes to the task's own partition, so that its order is kept.
   * @throws TickerError RECORD_TOO_LARGE: here the record that it follows from is known, at the commit it is not
   */
  collect(
    topic: string,
    key: Buffer | null,
    value: Buffer | null,
    timestamp: number,
    headers: Headers,
    partitionKey = key,
  ): void {
    const partitions = this.#partitions.get(topic) ?? 1
    const partition =
      partitionKey === null ? this.#taskPartition % partitions : partitionOf(partitionKey, partitions)
    const record = { topic, partition, key, value, timestamp, headers }
    const size = (key?.length ?? 0) + (value?.length ?? 0)
    if (size + headersSize(headers) + BATCH_OVERHEAD > this.#smallestLimit) this.#checkSize(record)
    this.#records.push(record)
    this.size += size
  }

  /** All of it; the next records belong to the next commit. */
  take(): ProducerRecord[] {
    const records = this.#records
    this.#records = []
    this.size = 0
    return records
  }

  #checkSize(record: ProducerRecord): void {
    const { topic, timestamp } = record
    const limit = this.#batchLimits.get(topic) ?? Number.POSITIVE_INFINITY
    const bytes = BATCH_HEAD + encodeRecords([record], timestamp).length
    if (bytes <= limit) return
    throw new TickerError('RECORD_TOO_LARGE', `a record of ${bytes} bytes for ${topic}, which takes ${limit}`)
  }
}

function headersSize(headers: Headers): number {
  let bytes = 0
  // A character of a name has three bytes at most.
  for (const [name, value] of headers) bytes += HEADER_OVERHEAD + 3 * name.length + value.length
  return bytes
}
