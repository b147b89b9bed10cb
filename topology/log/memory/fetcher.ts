import type { TopicPartition } from '../log.ts'
import type { RecordBatch } from '../record-batch.ts'
import type { Broker } from './broker.ts'

interface Position {
  readonly tp: TopicPartition
  position: number
  paused: boolean
}

/** Reads a set of partitions in turn, each from its position on. What consumers and readers have in common. */
export class Fetcher {
  readonly #broker: Broker
  #positions = new Map<string, Position>()
  /** Which partition comes first at the next fetch, so that a full one does not starve the others. */
  #turn = 0

  constructor(broker: Broker) {
    this.#broker = broker
  }

  /** Replaces the partitions read; all are paused. */
  assign(partitions: readonly { readonly tp: TopicPartition; readonly position: number }[]): void {
    this.#positions = new Map(
      partitions.map(({ tp, position }) => [nameOf(tp), { tp, position, paused: true }]),
    )
  }

  has(tp: TopicPartition): boolean {
    return this.#positions.has(nameOf(tp))
  }

  add(tp: TopicPartition, position: number): void {
    this.#positions.set(nameOf(tp), { tp, position, paused: false })
  }

  seek(tp: TopicPartition, position: number): void {
    const known = this.#positions.get(nameOf(tp))
    if (known !== undefined) known.position = position
  }

  setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    for (const tp of partitions) {
      const known = this.#positions.get(nameOf(tp))
      if (known !== undefined) known.paused = paused
    }
  }

  /** @throws TickerError LOG_UNKNOWN_TOPIC */
  fetch(): RecordBatch[] {
    const active = [...this.#positions.values()].filter(({ paused }) => !paused)
    const result: RecordBatch[] = []
    if (active.length === 0) return result
    const share = Math.max(1, Math.floor(this.#broker.environment.limits.pollBytes / active.length))
    this.#turn++
    for (let i = 0; i < active.length; i++) {
      const entry = active[(this.#turn + i) % active.length]!
      const batches = this.#broker.partition(entry.tp).read(entry.position, share)
      const last = batches.at(-1)
      if (last !== undefined) entry.position = last.lastOffset + 1
      result.push(...batches)
    }
    return result
  }

  /** Whether `fetch` would return anything, an error included. */
  get ready(): boolean {
    for (const { tp, position, paused } of this.#positions.values()) {
      if (paused) continue
      const log = this.#broker.findTopic(tp.topic)?.logs[tp.partition]
      if (log === undefined || position < log.stableEnd) return true
    }
    return false
  }
}

function nameOf(tp: TopicPartition): string {
  return `${tp.topic}/${tp.partition}`
}
