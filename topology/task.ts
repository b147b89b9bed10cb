/**
 * A task: one sub-topology on one partition of its topics. It owns its stores and its place in the log, and runs its
 * records one after the other.
 *
 *     created ──restore──▶ running ──close──▶ closed
 *        └──────────────────close──────────────▲
 *
 * An *epoch* is what a task does from one snapshot to the next (outputs, changes, positions). It is held here and leaves with
 * a commit (commit.ts), all or nothing, while the next one goes on; a task of which a commit fails is thrown away and made
 * anew from what was committed.
 *
 * A task is *parked* while it waits for something: a schema, an asynchronous operator, the snapshot of a commit. It takes no
 * records then; the thread goes on with others.
 */

import { CaughtUp } from './caught-up.ts'
import type { TableView } from './change.ts'
import type { PunctuationType } from './clocks.ts'
import { RecordCollector } from './collector.ts'
import type { TaskSnapshot } from './commit.ts'
import { type DeadLetter, deadLetterOf, deadLetterRecord } from './dead-letters.ts'
import { codeOf, recovery, recoveryOf, TickerError } from './errors.ts'
import {
  decideFailure,
  type FailureAnswer,
  type FailureHandlers,
  type FailureReason,
  type InputRecord,
  messageOf,
  placeOf,
  subjectOf,
} from './failure-policy.ts'
import type { Admin, CommittedOffset, Reach, TopicPartition } from './log/log.ts'
import type { RecordBatch } from './log/record-batch.ts'
import { buildOperators, type Operators } from './operators/build.ts'
import type { ClosedWindow } from './operators/closed-windows.ts'
import { type AsyncOperator, OperatorFailure } from './operators/operator.ts'
import type { CacheBudget, RecordCache } from './operators/record-cache.ts'
import { nextQueue, PartitionQueue, passedTime } from './partition-group.ts'
import { changelogTopic, deadLetterTopic, type SubTopology, type TaskId, taskName } from './plan.ts'
import type { PoisonRecord, PoisonRecords } from './poison.ts'
import type { Decision } from './recorded.ts'
import type { Timers } from './timers.ts'

/** Bytes of output, and records, that a task takes into one epoch: then it wants a commit and stands still until it can have one. */
const OUTPUT_LIMIT = 8 * 1024 * 1024
const EPOCH_LIMIT = 100_000
/** Milliseconds until something that could not be fetched is asked for again. */
const DECODE_RETRY = 1000
/**
 * Bytes of fetched batches that a partition holds before it wants no more. Few, so that they are done with while they are
 * young: what has grown old costs a collection of the whole heap.
 */
const INPUT_LIMIT = 256 * 1024

type Answer = Exclude<FailureAnswer, 'fail'>

export type TaskState = 'created' | 'running' | 'closed'

export interface TaskOptions {
  readonly id: TaskId
  readonly part: SubTopology
  readonly applicationId: string
  /** Partitions of every topic written to. */
  readonly partitions: ReadonlyMap<string, number>
  /** Bytes of the largest batch that each topic written to takes. */
  readonly batchLimits: ReadonlyMap<string, number>
  readonly failureHandlers: FailureHandlers
  /** Records that an earlier run of this task failed on. */
  readonly poison: PoisonRecords
  /** The contents of global tables, by their node. */
  readonly globals: ReadonlyMap<string, TableView>
  /** What its tables' caches may hold; undefined for none. */
  readonly cacheBudget?: CacheBudget | undefined
  /** The log's; asked only where windows close on idle time. */
  readonly offsets: Admin['offsets']
  readonly timers: Timers
  readonly onNotice?: (text: string) => void
  readonly onDeadLetter?: (letter: DeadLetter) => void
  readonly onDecision?: (task: string, store: string, decision: Decision<unknown>) => void
  /** It was parked and is not any more. */
  readonly onReady?: () => void
}

export class Task {
  readonly id: TaskId
  readonly name: string
  readonly operators: Operators
  state: TaskState = 'created'
  /** Records taken from the input. */
  processed = 0
  deadLettered = 0
  skipped = 0
  /** By store, the changes handed to commits. */
  readonly changes = new Map<string, number>()
  #queues: PartitionQueue[] = []
  #dirty = false
  /** Marked records met so far; `processed` when the last of them was, Infinity before. */
  #poisonMet = 0
  #processedAtPoison: number
  /** Where the record at hand came from. */
  #head: PartitionQueue | undefined
  /** Whether one was passed over since the last snapshot. */
  #passedPoison = false
  /** Records taken since the last snapshot, and the inputs' positions at it. */
  #taken = 0
  #snapshotPositions: readonly number[] = []
  /** What it is parked for. */
  #waits = 0
  /** How often something could not be fetched that its next record needs. */
  #decodeFailures = 0
  /** What went wrong while it was parked. */
  #failure: unknown
  readonly #collector: RecordCollector
  readonly #caughtUp: CaughtUp
  readonly #options: TaskOptions

  constructor(options: TaskOptions) {
    this.#options = options
    this.id = options.id
    this.name = taskName(options.id)
    this.#processedAtPoison = 0
    this.#collector = new RecordCollector(options, options.id.partition)
    this.#caughtUp = new CaughtUp(this.inputs, options)
    this.operators = buildOperators(options.part, {
      applicationId: options.applicationId,
      collector: this.#collector,
      timers: options.timers,
      globals: options.globals,
      cacheBudget: options.cacheBudget,
      positions: () => this.positions,
      passesOver: window => this.#head?.poisonWindows !== undefined && this.#passesOver(this.#head, window()),
    })
  }

  /** The partitions it reads. */
  get inputs(): readonly TopicPartition[] {
    return this.#options.part.sourceTopics.map(topic => ({ topic, partition: this.id.partition }))
  }

  /** What its commits may write to, and the positions that they move. */
  get reach(): Omit<Reach, 'group'> {
    const { part, applicationId, partitions } = this.#options
    const written = [...part.sinkTopics, deadLetterTopic(applicationId)].flatMap(topic =>
      Array.from({ length: partitions.get(topic) ?? 1 }, (_, partition) => ({ topic, partition })),
    )
    const { partition } = this.id
    const changelogs = this.operators.stores
      .filter(store => store.changelog === undefined)
      .map(store => ({ topic: changelogTopic(applicationId, store.name), partition }))
    return { topics: [...written, ...changelogs], positions: this.inputs }
  }

  /** Begins at the committed positions; the stores are restored. */
  start(positions: readonly CommittedOffset[]): void {
    if (this.state !== 'created')
      throw new TickerError('LOG_MISUSED', `task ${this.name} is ${this.state} already`)
    const { sources, clocks } = this.operators
    const { poison } = this.#options
    poison.forgetBefore(positions)
    this.#processedAtPoison = poison.size === 0 ? 0 : Number.POSITIVE_INFINITY
    this.#queues = this.inputs.map(tp => {
      const { node, out } = sources.get(tp.topic)!
      const position = positions.find(each => each.topic === tp.topic)?.position ?? 0
      return new PartitionQueue(tp, {
        source: node,
        out,
        position,
        partitionTime: clocks.partitionTime(tp.topic),
        poison: poison.of(tp.topic),
        onFailure: (record, reason) => this.#carryOut(record, reason, this.#ask(record, reason)),
        onPoison: (record, found) => this.#meet(record, found),
      })
    })
    this.#snapshotPositions = this.#queues.map(queue => queue.position)
    clocks.keep(this.#queues.filter(queue => queue.readsPartitionTime))
    for (const start of this.operators.onStart) start()
    for (const idle of this.operators.idle) idle.start()
    // When its first punctuations are due must be known wherever it goes on, also if no record comes before.
    this.#dirty = clocks.changed
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

  /** The inputs of which it holds as much as it should. */
  get fed(): readonly TopicPartition[] {
    return this.#queues.filter(queue => queue.bytes >= INPUT_LIMIT).map(queue => queue.tp)
  }

  /** The offsets of the next records: what a commit commits. */
  get positions(): readonly CommittedOffset[] {
    return this.#queues.map(queue => ({ ...queue.tp, position: queue.position }))
  }

  /** Whether there is something to commit. A position also moves over transaction markers. */
  get dirty(): boolean {
    return this.#dirty || this.#queues.some(({ position }, i) => position !== this.#snapshotPositions[i])
  }

  /** Whether it must commit before it goes on: its epoch is large, or it has just passed over a record that failed before. */
  get full(): boolean {
    return this.#passedPoison || this.#taken >= EPOCH_LIMIT || this.#collector.size >= OUTPUT_LIMIT
  }

  get parked(): boolean {
    return this.#waits > 0
  }

  /** Changes with whatever it does, also while it is parked. */
  get progress(): string {
    const positions = this.#queues.map(queue => queue.position)
    const pending = this.operators.asynchronous.map(operator => operator.pending)
    return [this.#waits, this.#decodeFailures, ...positions, ...pending].join()
  }

  /** Milliseconds that its asynchronous operators may take for a result. */
  get patience(): number {
    return Math.max(0, ...this.operators.asynchronous.map(operator => operator.patience))
  }

  park(): void {
    this.#waits++
  }

  unpark(): void {
    this.#waits--
    if (this.#waits === 0) this.#options.onReady?.()
  }

  /**
   * Takes up to `limit` records through the topology, the oldest first, until it is parked. Answers with how many.
   * @throws TickerError PROCESSING_FAILED when an operator threw; one whose recovery is `poison` when the record was marked
   * and the task must be made anew; what went wrong while it was parked
   */
  process(limit: number): number {
    if (this.#failure !== undefined) throw this.#failure
    const { clocks, asynchronous } = this.operators
    const before = this.processed
    for (const operator of asynchronous) this.#handOn(operator)
    while (this.processed - before < limit && !this.full && !this.parked) {
      const queue = nextQueue(this.#queues)
      // Also where a marked record was passed over on the way: somebody must hear it fail.
      const wanted = queue?.wanted
      if (wanted !== undefined) this.#parkUntil(this.#fetched(wanted))
      if (queue === undefined || wanted !== undefined || this.#passedPoison) break
      this.#head = queue
      try {
        clocks.take(queue)
        queue.out.forward(queue.record)
      } catch (error) {
        throw this.#poisoned(queue.input, error)
      }
      this.#punctuate('streamTime', clocks.streamTime)
      queue.consume()
      this.processed++
      this.#dirty = true
      if (queue.poisonWindows !== undefined) {
        queue.poisonWindows = undefined
        this.#met()
      }
      // Answers come between the calls of `process` only.
      for (const operator of asynchronous) {
        if (operator.full) this.#parkUntil(this.#relieved(operator))
      }
    }
    this.#taken += this.processed - before
    return this.processed - before
  }

  /** Nothing comes for now: what is asynchronous begins, rather than wait for the commit that would have it. */
  idle(): void {
    if (!this.parked) for (const operator of this.operators.asynchronous) operator.begin()
  }

  /** Runs the punctuations that the clock on the wall has made due, and closes what is idle. Answers with how many. */
  punctuate(): number {
    const count = this.#punctuate('wallClock', this.#options.timers.now()) + this.#closeIdle()
    if (count > 0) this.#dirty = true
    return count
  }

  /**
   * Hands on what caches hold back and waits for what works asynchronously, until neither has anything left. To be parked
   * meanwhile. @throws TickerError TASK_MIGRATED when closed meanwhile
   */
  async drain(): Promise<void> {
    const { asynchronous, caches } = this.operators
    do {
      this.#flush(caches)
      for (const operator of asynchronous) {
        if (operator.pending > 0) await this.#guarded(() => operator.drain())
      }
      if (this.state === 'closed') throw this.#gone()
    } while (caches.some(cache => cache.size > 0))
  }

  /**
   * Takes new recorded decisions; they belong to the epoch that begins. To be called right after a snapshot or a start, when
   * nothing is under way, and to be parked meanwhile. @throws TickerError TASK_MIGRATED when closed meanwhile
   */
  async decide(): Promise<void> {
    for (const store of this.operators.decisions) {
      const decision = await store.decide(this.positions)
      if (this.state === 'closed') throw this.#gone()
      if (decision === undefined) continue
      this.#dirty = true
      this.#options.onDecision?.(this.name, store.name, decision)
    }
  }

  /** The epoch, synchronously and as copies; from here on records belong to the next one. */
  snapshot(): TaskSnapshot {
    this.#dirty = false
    this.#passedPoison = false
    this.#taken = 0
    this.#snapshotPositions = this.#queues.map(queue => queue.position)
    const changes = new Map(this.operators.stores.map(store => [store.name, store.takeChanges()]))
    for (const [store, { length }] of changes)
      this.changes.set(store, (this.changes.get(store) ?? 0) + length)
    return {
      outputs: this.#collector.take(),
      changes,
      positions: this.positions,
      passed: passedTime(this.#queues),
    }
  }

  close(): void {
    this.state = 'closed'
    for (const operator of this.operators.asynchronous) operator.close()
    for (const cache of this.operators.caches) cache.clear()
    this.#queues = []
  }

  #parkUntil(done: Promise<void>): void {
    this.park()
    done
      .catch(error => {
        this.#failure ??= error
      })
      .finally(() => this.unpark())
  }

  async #relieved(operator: AsyncOperator): Promise<void> {
    while (operator.full && this.state === 'running') await this.#guarded(() => operator.relieve())
  }

  /** Waits for what a record needs before it can be decoded. A failure is no fault of the record: it is tried again. */
  async #fetched(wanted: Promise<void>): Promise<void> {
    const { timers, onNotice } = this.#options
    try {
      await wanted
    } catch (error) {
      this.#decodeFailures++
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

  #punctuate(type: PunctuationType, time: number): number {
    try {
      return this.operators.clocks.punctuate(type, time)
    } catch (error) {
      throw this.#failed(error, 'in a punctuation')
    }
  }

  #closeIdle(): number {
    const { idle } = this.operators
    if (idle.length === 0) return 0
    this.#caughtUp.observe(this.positions)
    try {
      return idle.reduce((moved, each) => moved + each.advance(this.#caughtUp.at), 0)
    } catch (error) {
      throw this.#failed(error, 'as windows closed on idle time')
    }
  }

  #handOn(operator: AsyncOperator): void {
    try {
      operator.handOn()
    } catch (error) {
      throw this.#failed(error, 'with asynchronous results')
    }
  }

  async #guarded(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (error) {
      throw this.#failed(error, 'with asynchronous results')
    }
  }

  /** A record failed on its way: it is marked, unless the policy says `fail`. Answers with what the thread is to be told. */
  #poisoned(record: InputRecord, thrown: unknown): unknown {
    if (!(thrown instanceof OperatorFailure)) return this.#failed(thrown, `on ${placeOf(record)}`)
    const { operator, cause: error, window } = thrown
    const subject = subjectOf({ record, window })
    const where = `on ${subject}`
    const stage = this.#options.part.sinks.some(node => node.name === operator) ? 'produce' : 'process'
    const code = codeOf(error) ?? (stage === 'produce' ? 'RECORD_UNSERIALIZABLE' : 'RECORD_FAILED')
    if (recovery(code) !== 'poison') return this.#failed(thrown, where)
    const reason = { stage, operator, code, error, window } as const
    const answer = this.#ask(record, reason)
    const afterProgress = this.processed > this.#processedAtPoison
    this.#options.poison.mark(record, { ...reason, answer }, { afterProgress })
    return new TickerError(code, `${subject} failed in ${operator}: ${messageOf(error)}`, {
      cause: error,
    })
  }

  /** A record is met on which an earlier run of this task failed. */
  #meet(record: InputRecord, poison: PoisonRecord): void {
    this.#met()
    this.#carryOut(record, poison, poison.answer)
  }

  /** One more of the marks is behind. */
  #met(): void {
    this.#passedPoison = true
    if (++this.#poisonMet === this.#options.poison.size) this.#processedAtPoison = this.processed
  }

  /** Whether a window that the record at hand closes failed before: then it is left out. */
  #passesOver(queue: PartitionQueue, window: ClosedWindow): boolean {
    const poison = queue.poisonWindows?.find(window)
    if (poison === undefined) return false
    this.#carryOut(queue.input, poison, poison.answer)
    return true
  }

  #ask(record: InputRecord, reason: FailureReason): Answer {
    return decideFailure(this.#options.failureHandlers, { ...reason, record, task: this.name })
  }

  #carryOut(record: InputRecord, reason: FailureReason, answer: Answer): void {
    this.#dirty = true
    if (answer === 'skip') {
      this.skipped++
      return
    }
    const { applicationId: application, timers, onDeadLetter } = this.#options
    const letter = deadLetterOf({ ...reason, record, task: this.name }, { application, now: timers.now() })
    const {
      topic,
      key,
      value,
      timestamp,
      headers = [],
    } = deadLetterRecord(letter, deadLetterTopic(application))
    try {
      this.#collector.collect(topic, key, value, timestamp, headers)
    } catch (error) {
      throw this.#failed(error, `to dead-letter ${subjectOf({ ...reason, record })}`)
    }
    this.deadLettered++
    onDeadLetter?.(letter)
  }

  /** What is no single record's fault: errors that the task is made anew after pass, the others end the node. */
  #failed(thrown: unknown, where: string): unknown {
    const failure = thrown instanceof OperatorFailure ? thrown : undefined
    const cause = failure === undefined ? thrown : failure.cause
    const means = recoveryOf(cause)
    if (means === 'rebuild' || means === 'rejoin') return cause
    // What an asynchronous operator raises itself says where.
    if (failure === undefined && means === 'stop' && cause instanceof TickerError) return cause
    const operator = failure === undefined ? '' : ` in ${failure.operator}`
    const message = `task ${this.name} failed ${where}${operator}: ${messageOf(cause)}`
    return new TickerError('PROCESSING_FAILED', message, { cause })
  }

  #gone(): TickerError {
    return new TickerError('TASK_MIGRATED', `task ${this.name} was taken away during a commit`)
  }
}
