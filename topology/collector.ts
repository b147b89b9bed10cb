import type { Headers, ProducerRecord } from './log/log.ts'
import type { Collector } from './operators/operator.ts'
import { partitionOf } from './partitioner.ts'

/** A task's output since its last commit. It leaves with the next one, so that output and input position move together. */
export class RecordCollector implements Collector {
  /** Bytes of keys and values held. */
  size = 0
  #records: ProducerRecord[] = []
  readonly #partitions: ReadonlyMap<string, number>
  readonly #taskPartition: number

  /** @param partitions of each topic written to */
  constructor(partitions: ReadonlyMap<string, number>, taskPartition: number) {
    this.#partitions = partitions
    this.#taskPartition = taskPartition
  }

  /** A record without a key goes to the task's own partition, so that its order is kept. */
  collect(
    topic: string,
    key: Buffer | null,
    value: Buffer | null,
    timestamp: number,
    headers: Headers,
  ): void {
    const partitions = this.#partitions.get(topic) ?? 1
    const partition = key === null ? this.#taskPartition % partitions : partitionOf(key, partitions)
    this.#records.push({ topic, partition, key, value, timestamp, headers })
    this.size += (key?.length ?? 0) + (value?.length ?? 0)
  }

  /** All of it; the next records belong to the next commit. */
  take(): ProducerRecord[] {
    const records = this.#records
    this.#records = []
    this.size = 0
    return records
  }
}
