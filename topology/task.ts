/**
 * A task: one sub-topology on one partition of its topics. It owns its stores and its place in the log, and runs its
 * records one after the other.
 *
 *     created ──restore──▶ running ──close──▶ closed
 *        └──────────────────close──────────────▲
 *
 * What a task has done since its last commit (outputs, changes, positions) is held here and leaves with the next commit
 * (commit.ts), all or nothing; a task that fails before is thrown away and made anew from what was committed.
 */

import type { StoreChange } from '../state/store.ts'
import type { TableView } from './change.ts'
import { RecordCollector } from './collector.ts'
import { deadLetterRecord } from './dead-letters.ts'
import { TickerError } from './errors.ts'
import type { CommittedOffset, ProducerRecord, TopicPartition } from './log/log.ts'
import type { RecordBatch } from './log/record-batch.ts'
import { buildOperators, type Operators } from './operators/build.ts'
import type { CacheBudget, RecordCache } from './operators/record-cache.ts'
import { type DeadLetter, nextQueue, PartitionQueue } from './partition-group.ts'
import { deadLetterTopic, type SubTopology, type TaskId, taskName } from './plan.ts'
import type { Decision } from './recorded.ts'
import type { Timers } from './timers.ts'

/** Bytes of output a task holds before it wants a commit. */
const OUTPUT_LIMIT = 8 * 1024 * 1024
/** Milliseconds until something that could not be fetched is asked for again. */
const DECODE_RETRY = 1000
/** Batches a partition holds before it wants no more. */
const INPUT_LIMIT = 8

export type TaskState = 'created' | 'running' | 'closed'

/** Everything one commit moves. */
export interface TaskSnapshot {
  readonly outputs: readonly ProducerRecord[]
  readonly changes: ReadonlyMap<string, readonly StoreChange[]>
  readonly positions: readonly CommittedOffset[]
}

export interface TaskOptions {
  readonly id: TaskId
  readonly part: SubTopology
  readonly applicationId: string
  /** Partitions of every topic written to. */
  readonly partitions: ReadonlyMap<string, number>
  /** The contents of global tables, by their node. */
  readonly globals: ReadonlyMap<string, TableView>
  /** What its tables' caches may hold; undefined for none. */
  readonly cacheBudget?: CacheBudget | undefined
  readonly timers: Timers
  readonly onNotice?: (text: string) => void
  readonly onDeadLetter?: (letter: DeadLetter) => void
  readonly onDecision?: (task: string, store: string, decision: Decision<unknown>) => void
}

export class Task {
  readonly id: TaskId
  readonly name: string
  readonly operators: Operators
  state: TaskState = 'created'
  /** Records taken from the input. */
  processed = 0
  deadLettered = 0
  #queues: PartitionQueue[] = []
  #dirty = false
  readonly #collector: RecordCollector
  readonly #options: TaskOptions

  constructor(options: TaskOptions) {
    this.#options = options
    this.id = options.id
    this.name = taskName(options.id)
    this.#collector = new RecordCollector(options.partitions, options.id.partition)
    this.operators = buildOperators(options.part, {
      applicationId: options.applicationId,
      collector: this.#collector,
      timers: options.timers,
      globals: options.globals,
      cacheBudget: options.cacheBudget,
    })
  }

  /** The partitions it reads. */
  get inputs(): readonly TopicPartition[] {
    return this.#options.part.sourceTopics.map(topic => ({ topic, partition: this.id.partition }))
  }

  /** Begins at the committed positions; the stores are restored. */
  start(positions: readonly CommittedOffset[]): void {
    if (this.state !== 'created')
      throw new TickerError('LOG_MISUSED', `task ${this.name} is ${this.state} already`)
    const { sources, clocks } = this.operators
    this.#queues = this.inputs.map(tp => {
      const { node, out } = sources.get(tp.topic)!
      const position = positions.find(each => each.topic === tp.topic)?.position ?? 0
      return new PartitionQueue(tp, {
        source: node,
        out,
        position,
        partitionTime: clocks.partitionTime(tp.topic),
        onDeadLetter: letter => this.#giveUp(letter),
      })
    })
    clocks.keep(this.#queues.filter(queue => queue.readsPartitionTime))
    for (const start of this.operators.onStart) start()
    this.state = 'running'
  }

  add(batch: RecordBatch): void {
    this.#queues.find(queue => queue.tp.topic === batch.topic)?.add(batch)
  }

  /** Gives up fetched batches, since they are fetched again; answers from where. Records already decoded are too. */
  seek(): readonly CommittedOffset[] {
    for (const queue of this.#queues) queue.clear()
    return this.positions
  }

  /** Whether it holds as much input as it should. */
  get fed(): boolean {
    return this.#queues.every(queue => queue.batches >= INPUT_LIMIT)
  }

  /** The offsets of the next records: what a commit commits. */
  get positions(): readonly CommittedOffset[] {
    return this.#queues.map(queue => ({ ...queue.tp, position: queue.position }))
  }

  /** Whether there is something to commit. */
  get dirty(): boolean {
    return this.#dirty
  }

  /** Whether it holds so much output that it must commit before it goes on. */
  get full(): boolean {
    return this.#collector.size >= OUTPUT_LIMIT
  }

  /**
   * Takes up to `limit` records through the topology, the oldest first. Answers with how many.
   * @throws TickerError PROCESSING_FAILED when an operator threw
   */
  async process(limit: number): Promise<number> {
    const { clocks, asynchronous } = this.operators
    let done = 0
    for (const operator of asynchronous) operator.handOn()
    while (done < limit && !this.full) {
      const queue = nextQueue(this.#queues)
      if (queue === undefined) break
      if (queue instanceof Promise) {
        await this.#fetched(queue)
        continue
      }
      try {
        clocks.take(queue)
        queue.out.forward(queue.record)
        clocks.punctuate('streamTime', clocks.streamTime)
      } catch (cause) {
        throw this.#failed(cause, `on ${queue.tp.topic}/${queue.tp.partition} at ${queue.position}`)
      }
      queue.consume()
      done++
      this.#dirty = true
      for (const operator of asynchronous) {
        operator.handOn()
        while (operator.full) await operator.relieve()
      }
    }
    this.processed += done
    return done
  }

  /** Runs the punctuations that the clock on the wall has made due. Answers with how many. */
  punctuate(): number {
    const { clocks } = this.operators
    try {
      const count = clocks.punctuate('wallClock', this.#options.timers.now())
      if (count > 0) this.#dirty = true
      return count
    } catch (cause) {
      throw this.#failed(cause, 'in a punctuation')
    }
  }

  /** Hands on what caches hold back and waits for what works asynchronously, until neither has anything left. */
  async drain(): Promise<void> {
    const { asynchronous, caches } = this.operators
    do {
      this.#flush(caches)
      for (const operator of asynchronous) if (operator.pending > 0) await operator.drain()
    } while (caches.some(cache => cache.size > 0))
  }

  /** Takes new recorded decisions. To be called right after a commit or a start, when nothing is under way. */
  async decide(): Promise<void> {
    for (const store of this.operators.decisions) {
      const decision = await store.decide(this.positions)
      if (decision === undefined) continue
      this.#dirty = true
      this.#options.onDecision?.(this.name, store.name, decision)
    }
  }

  /** All since the last snapshot, synchronously; from here on records belong to the next commit. */
  snapshot(): TaskSnapshot {
    this.#dirty = false
    return {
      outputs: this.#collector.take(),
      changes: new Map(this.operators.stores.map(store => [store.name, store.takeChanges()])),
      positions: this.positions,
    }
  }

  close(): void {
    this.state = 'closed'
    for (const operator of this.operators.asynchronous) operator.close()
    for (const cache of this.operators.caches) cache.clear()
    this.#queues = []
  }

  /** Waits for what a record needs before it can be decoded. A failure is no fault of the record: it is tried again. */
  async #fetched(wanted: Promise<void>): Promise<void> {
    const { timers, onNotice } = this.#options
    try {
      await wanted
    } catch (error) {
      onNotice?.(
        `task ${this.name} cannot decode its next record yet: ${error instanceof Error ? error.message : error}`,
      )
      await new Promise<void>(resolve => timers.after(DECODE_RETRY, resolve))
    }
  }

  #flush(caches: readonly RecordCache[]): void {
    try {
      for (const cache of caches) cache.flush()
    } catch (cause) {
      throw this.#failed(cause, 'as its caches were emptied')
    }
  }

  #giveUp(letter: DeadLetter): void {
    const record = deadLetterRecord(letter, deadLetterTopic(this.#options.applicationId))
    this.#collector.collect(record.topic, record.key, record.value, record.timestamp, record.headers ?? [])
    this.deadLettered++
    this.#dirty = true
    this.#options.onDeadLetter?.(letter)
  }

  #failed(cause: unknown, where: string): TickerError {
    const what = cause instanceof Error ? cause.message : String(cause)
    return new TickerError('PROCESSING_FAILED', `task ${this.name} failed ${where}: ${what}`, { cause })
  }
}
