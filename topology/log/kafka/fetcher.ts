/**
 * Fetches chosen partitions from their leaders, one request to each broker ahead of the caller. Partitions whose batches
 * wait to be polled are not fetched again, so what is held is bounded by one answer per broker.
 */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import { TickerError } from '../../errors.ts'
import type { CommittedOffset, TopicPartition } from '../log.ts'
import type { RecordBatch } from '../record-batch.ts'
import type { Cluster } from './cluster.ts'
import { answerOf, isTemporary, isUnknownTopic, toTickerError } from './errors.ts'
import { type FetchedPartition, fetchRequest } from './protocol/fetch.ts'
import { emptyBatch, readRecordSet } from './record-set.ts'

const LIMITS = {
  /** Milliseconds. A request cannot be taken back: a partition resumed meanwhile waits so long. */
  maxWait: 100,
  maxBytes: 8 << 20,
  partitionMaxBytes: 2 << 20,
}
/** Milliseconds between attempts while brokers are away, and how long they may be. */
const BACKOFF = 100
const PATIENCE = 60_000
/** A topic just created may be unknown to a broker for a moment. */
const TOPIC_PATIENCE = 2_000

interface Partition extends TopicPartition {
  /** Undefined until sought or looked up. */
  position: number | undefined
  paused: boolean
  /** Fetched, not polled yet. */
  batches: RecordBatch[]
}

export interface FetcherOptions {
  readonly cluster: Cluster
  /** Where to begin partitions that nobody has sought. */
  readonly lookUp?: (partitions: readonly TopicPartition[]) => Promise<readonly CommittedOffset[]>
}

export class Fetcher {
  readonly #cluster: Cluster
  readonly #lookUp: FetcherOptions['lookUp']
  #partitions = new Map<string, Partition>()
  /** Requests under way: a broker's node id, or a step that has to come first. */
  readonly #busy = new Set<number | 'look up' | 'metadata'>()
  #stale = true
  #failingSince: number | undefined
  #retryAt = 0
  #failure: TickerError | undefined
  #closed = false
  #wake: () => void = () => {}
  /** A poll is not to wait. */
  #hurry = false

  constructor({ cluster, lookUp }: FetcherOptions) {
    this.#cluster = cluster
    this.#lookUp = lookUp
  }

  /** From now on these partitions are all there are, paused, and what was fetched is forgotten. */
  assign(partitions: readonly TopicPartition[]): void {
    this.#partitions = new Map(
      partitions.map(({ topic, partition }) => [
        nameOf({ topic, partition }),
        { topic, partition, position: undefined, paused: true, batches: [] },
      ]),
    )
    this.#stale = true
  }

  has(tp: TopicPartition): boolean {
    return this.#partitions.has(nameOf(tp))
  }

  /** Adds the partition, not paused, if it is not there. */
  seek({ topic, partition }: TopicPartition, position: number): void {
    const name = nameOf({ topic, partition })
    const previous = this.#partitions.get(name)
    if (previous === undefined) this.#stale = true
    // Another object, so that what is being fetched for the old position is not taken for it.
    this.#partitions.set(name, { topic, partition, position, paused: previous?.paused ?? false, batches: [] })
    this.#wake()
  }

  setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    for (const tp of partitions) {
      const partition = this.#partitions.get(nameOf(tp))
      if (partition !== undefined) partition.paused = paused
    }
    this.#wake()
  }

  /** Ends polling with an error. */
  fail(error: TickerError): void {
    this.#failure ??= error
    this.#wake()
  }

  /** A poll that waits, or else the next one, returns. */
  wakeup(): void {
    this.#hurry = true
    this.#wake()
  }

  close(): void {
    this.#closed = true
    this.#wake()
  }

  /** @throws TickerError */
  async poll(maxWait: number): Promise<RecordBatch[]> {
    const deadline = Date.now() + maxWait
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#closed) return []
      const batches = this.#take()
      this.#fill()
      const now = Date.now()
      if (batches.length > 0 || this.#hurry || now >= deadline) {
        this.#hurry = false
        return batches
      }
      await this.#woken((this.#retryAt > now ? Math.min(deadline, this.#retryAt) : deadline) - now)
    }
  }

  #take(): RecordBatch[] {
    const taken: RecordBatch[] = []
    for (const partition of this.#partitions.values()) {
      if (partition.paused || partition.batches.length === 0) continue
      for (const batch of partition.batches) taken.push(batch)
      partition.batches = []
    }
    return taken
  }

  async #woken(maxWait: number): Promise<void> {
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, maxWait)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = () => {}
  }

  /** Starts what can be started. */
  #fill(): void {
    if (Date.now() < this.#retryAt) return
    const wanted = [...this.#partitions.values()].filter(each => !each.paused && each.batches.length === 0)
    if (wanted.length === 0) return
    if (this.#stale) {
      this.#start('metadata', () => this.#refresh())
      return
    }
    const unknown = wanted.filter(each => each.position === undefined)
    if (unknown.length > 0) this.#start('look up', () => this.#findPositions(unknown))
    const perLeader = new Map<number, Partition[]>()
    for (const partition of wanted) {
      if (partition.position === undefined) continue
      const leader = this.#cluster.leader(partition.topic, partition.partition)
      if (leader === undefined) this.#stale = true
      else perLeader.set(leader, [...(perLeader.get(leader) ?? []), partition])
    }
    for (const [leader, partitions] of perLeader) this.#start(leader, () => this.#fetch(leader, partitions))
  }

  #start(what: number | 'look up' | 'metadata', step: () => Promise<void>): void {
    if (this.#busy.has(what)) return
    this.#busy.add(what)
    step()
      .then(
        () => {
          this.#failingSince = undefined
        },
        error => this.#failed(error),
      )
      .finally(() => {
        this.#busy.delete(what)
        this.#wake()
      })
  }

  #failed(error: unknown): void {
    if (this.#closed) return
    this.#failingSince ??= Date.now()
    const topicGone = isUnknownTopic(error)
    const patience = topicGone ? TOPIC_PATIENCE : PATIENCE
    if ((!topicGone && !isTemporary(error)) || Date.now() - this.#failingSince > patience) {
      this.#failure = toTickerError(error, `cannot read ${[...this.#partitions.keys()].join(', ')}`)
      return
    }
    this.#stale = true
    this.#retryAt = Date.now() + BACKOFF
  }

  async #refresh(): Promise<void> {
    const topics = [...new Set([...this.#partitions.values()].map(each => each.topic))]
    await this.#cluster.know(topics)
    await this.#cluster.recover()
    this.#stale = false
  }

  async #findPositions(partitions: readonly Partition[]): Promise<void> {
    const found = new Map((await this.#lookUp?.(partitions))?.map(each => [nameOf(each), each.position]))
    for (const partition of partitions) partition.position ??= found.get(nameOf(partition)) ?? 0
  }

  async #fetch(leader: number, partitions: readonly Partition[]): Promise<void> {
    const asked = partitions.map(({ topic, partition, position }) => ({
      topic,
      partition,
      position: position ?? 0,
    }))
    const broker = await this.#cluster.broker(leader)
    const fetched = await this.#cluster.send(broker, fetchRequest(asked, LIMITS))
    // An answer with no records at all was not cut short by its limits.
    const nothing = fetched.every(each => each.records.length === 0)
    const byName = new Map(partitions.map(each => [nameOf(each), each]))
    for (const answer of fetched) {
      const partition = byName.get(nameOf(answer))
      // Sought or taken away meanwhile?
      if (partition === undefined || this.#partitions.get(nameOf(answer)) !== partition) continue
      await this.#accept(partition, answer, nothing)
    }
  }

  async #accept(partition: Partition, answer: FetchedPartition, nothing: boolean): Promise<void> {
    const error = answer.errorCode === 0 ? undefined : createErrorFromCode(answer.errorCode)
    const position = partition.position ?? 0
    if (error !== undefined) {
      if (answerOf(error) === 'OFFSET_OUT_OF_RANGE') await this.#moveIntoRange(partition, position)
      else throw error
      return
    }
    let batches = await readRecordSet(partition, answer.records, answer.aborted)
    // Compaction may take the last records of a partition and leave nothing in their place.
    if (nothing && answer.lastStableOffset > position) {
      batches = [emptyBatch(partition, position, answer.lastStableOffset - 1)]
    }
    const last = batches.at(-1)
    if (last === undefined) return
    partition.position = last.lastOffset + 1
    partition.batches = batches
    // It has had its turn: a broker fills its answer in the order in which it is asked.
    const name = nameOf(partition)
    if (this.#partitions.get(name) !== partition) return
    this.#partitions.delete(name)
    this.#partitions.set(name, partition)
  }

  /** Retention has taken what lay at the position: go on with the first record still there. */
  async #moveIntoRange(partition: Partition, position: number): Promise<void> {
    const { topic } = partition
    const start = (await this.#cluster.listOffsets(topic, 'start')).get(partition.partition) ?? 0
    if (position < start) {
      partition.position = start
      return
    }
    const end = (await this.#cluster.listOffsets(topic, 'end')).get(partition.partition) ?? 0
    throw new TickerError(
      'LOG_FAILED',
      `position ${position} of ${nameOf(partition)} lies beyond its end ${end}: the topic was cut off or made anew`,
    )
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
