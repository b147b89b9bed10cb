/**
 * A stream thread: one member of the consumer group, and the loop that runs the tasks it was assigned.
 *
 * An assignment comes in a callback of the consumer; the callback only notes it (all its partitions are paused by
 * then), and the loop acts on it between two steps. Tasks that stay go on with their state open; tasks that are gone are
 * dropped uncommitted, since another member may own them by now, and does them again from their last commit; new tasks
 * initialise their producer (which fences a predecessor), restore, seek and resume while the others run.
 */
import type { Checkpoint, StateBackend, TaskStore } from '../state/store.ts'
import { stickyAssignor } from './assignor.ts'
import type { TableView } from './change.ts'
import { type CommitScope, commit, type ProcessingGuarantee } from './commit.ts'
import type { DeadLetter } from './dead-letters.ts'
import { recoveryOf, TickerError } from './errors.ts'
import type { FailureHandlers } from './failure-policy.ts'
import type { Assignment, Consumer, Log, Producer, TopicPartition } from './log/log.ts'
import type { RecordBatch } from './log/record-batch.ts'
import type { CacheBudget } from './operators/record-cache.ts'
import { type Plan, type SubTopology, type TaskId, taskName } from './plan.ts'
import { PoisonRecords } from './poison.ts'
import type { Decision } from './recorded.ts'
import { restore } from './restore.ts'
import { Task } from './task.ts'
import type { Timers } from './timers.ts'

/** Failures of a task in a row, without a commit between, after which the thread gives up. */
const ATTEMPTS = 10
/** Records a task takes before the others have their turn. */
const TURN = 1000

export interface ThreadOptions {
  readonly log: Log
  readonly plan: Plan
  /** Unique among the members of the group. */
  readonly clientId: string
  readonly guarantee: ProcessingGuarantee
  /** Milliseconds from one commit of a task to the next. */
  readonly commitInterval: number
  /** Milliseconds; the log's default if undefined. */
  readonly sessionTimeout: number | undefined
  readonly state: StateBackend
  /** Partitions of all topics the topology reads and writes. */
  readonly partitions: ReadonlyMap<string, number>
  /** Bytes of the largest batch that each of them takes. */
  readonly batchLimits: ReadonlyMap<string, number>
  readonly failureHandlers: FailureHandlers
  /** The contents of global tables, by their node. */
  readonly globals: ReadonlyMap<string, TableView>
  /** Bytes of updates that the record caches of its tables may hold back; 0 for none. */
  readonly cacheBytes: number
  readonly timers: Timers
  readonly listener: ThreadListener
}

/** What a node wants to know of its threads. */
export interface ThreadListener {
  onNotice(text: string): void
  onDeadLetter(letter: DeadLetter): void
  onDecision(task: string, store: string, decision: Decision<unknown>): void
  onRestored(task: string, records: number): void
}

/** A task with all that a commit of it needs. */
interface Running extends CommitScope {
  committedAt: number
  checkpoint: Checkpoint
  /** Whether its input is paused because it holds enough. */
  paused: boolean
}

export class StreamThread {
  readonly #options: ThreadOptions
  readonly #running = new Map<string, Running>()
  /** Tasks being restored, by name; the token tells a task from a later one of the same name. */
  readonly #starting = new Map<string, { readonly token: object; readonly done: Promise<void> }>()
  readonly #attempts = new Map<string, number>()
  readonly #cacheBudget: CacheBudget | undefined
  /** What made a task fail, by its name; kept while it stays here. */
  readonly #poison = new Map<string, PoisonRecords>()
  #consumer: Consumer | undefined
  /** Assignments not acted on yet, the newest last. */
  #assigned: Assignment[] = []
  #lost = false
  #failure: unknown

  constructor(options: ThreadOptions) {
    this.#options = options
    const { cacheBytes } = options
    this.#cacheBudget = cacheBytes > 0 ? { limit: cacheBytes, used: 0 } : undefined
  }

  /** Joins the group. */
  async start(): Promise<void> {
    const { log, plan, clientId, sessionTimeout } = this.#options
    const { applicationId } = plan
    const groups = plan.subTopologies.map(part => part.sourceTopics)
    this.#consumer = await log.consumer({
      group: applicationId,
      clientId,
      topics: groups.flat(),
      sessionTimeout,
      assignor: stickyAssignor(groups),
      onAssigned: assignment => {
        this.#assigned.push(assignment)
      },
      onLost: () => {
        this.#lost = true
      },
    })
  }

  get tasks(): readonly Task[] {
    return [...this.#running.values()].map(each => each.task)
  }

  /** Whether tasks are still being restored or an assignment waits to be acted on. */
  get settling(): boolean {
    return this.#starting.size > 0 || this.#assigned.length > 0
  }

  /**
   * One step of the loop: act on a new assignment, take what was fetched, run each task for a turn, commit what is due.
   * Answers with the number of records processed, at most `limit` for each task. @throws what the thread cannot go on from
   */
  async step(maxWait: number, limit = TURN): Promise<number> {
    const consumer = this.#consumer
    if (consumer === undefined) throw new TickerError('LOG_MISUSED', 'the thread is not started')
    if (this.#failure !== undefined) throw this.#failure
    if (this.#lost) await this.#dropAll()
    if (this.#assigned.length > 0) await this.#rebalance()
    for (const batch of await consumer.poll(maxWait)) this.#route(batch)
    // An assignment may have come during the poll: what was fetched belongs to a generation that is over.
    if (this.#assigned.length > 0) return 0
    let processed = 0
    for (const running of [...this.#running.values()]) processed += await this.#turn(running, limit)
    return processed
  }

  /** Commits what every task has done, now. */
  async commitAll(): Promise<void> {
    for (const running of [...this.#running.values()]) await this.#commit(running)
  }

  /** Commits, closes the tasks and leaves the group. `committed` is called when all is committed and the tasks are there. */
  async close(committed: () => void): Promise<void> {
    try {
      await Promise.all([...this.#starting.values()].map(each => each.done))
      if (this.#assigned.length === 0 && !this.#lost && this.#failure === undefined) await this.commitAll()
      committed()
    } finally {
      await this.#dropAll()
      await this.#consumer?.close()
    }
  }

  async #turn(running: Running, limit: number): Promise<number> {
    const { task } = running
    const { timers, commitInterval } = this.#options
    let processed: number
    try {
      processed = (await task.process(limit)) + task.punctuate()
    } catch (error) {
      // Also where it is not tried again: what was half done must not be committed on the way out.
      await this.#restart(running, error)
      return 0
    }
    if (task.full || timers.now() - running.committedAt >= commitInterval) await this.#commit(running)
    this.#throttle(running)
    return processed
  }

  async #commit(running: Running): Promise<void> {
    const { task } = running
    running.committedAt = this.#options.timers.now()
    try {
      if (task.dirty) {
        await commit(running)
        this.#attempts.delete(task.name)
      }
      await task.decide()
    } catch (error) {
      await this.#restart(running, error)
    }
  }

  /**
   * After a task failed. First ask whether this member still belongs to the group: making the producer anew fences
   * whoever has the task now, so a member that was thrown out must not. If it does belong, the task starts again from
   * its last commit; if not, the group's next assignment says what to do.
   */
  async #restart(running: Running, cause: unknown): Promise<void> {
    const { task } = running
    await this.#drop(running)
    await this.#backOff(task.name, cause)
    try {
      await this.#consumer!.heartbeat()
    } catch (error) {
      if (recoveryOf(error) !== 'stop') return
      throw error
    }
    if (this.#assigned.length === 0) this.#begin(task.id)
  }

  /** A task that holds enough input takes no more until it has worked it off. */
  #throttle(running: Running): void {
    const { task } = running
    if (task.fed === running.paused) return
    running.paused = task.fed
    if (task.fed) this.#consumer!.pause(task.inputs)
    else this.#consumer!.resume(task.inputs)
  }

  #route(batch: RecordBatch): void {
    for (const { task } of this.#running.values()) {
      if (task.id.partition !== batch.partition) continue
      if (task.inputs.some(tp => tp.topic === batch.topic)) task.add(batch)
    }
  }

  /**
   * Acts on the assignments that came since the last step: drops the tasks that are gone, lets those go on that every one of
   * them holds (a task that was away in between has run elsewhere, so its state here is old), begins the new ones.
   */
  async #rebalance(): Promise<void> {
    const shares = this.#assigned.map(
      ({ partitions }) => new Map(this.#tasksOf(partitions).map(id => [taskName(id), id])),
    )
    this.#assigned = []
    const stays = (name: string): boolean => shares.every(share => share.has(name))
    for (const name of [...this.#starting.keys()]) if (!stays(name)) this.#starting.delete(name)
    for (const name of [...this.#poison.keys()]) if (!stays(name)) this.#poison.delete(name)
    for (const running of [...this.#running.values()]) {
      if (stays(running.task.name)) this.#seekAndResume(running)
      else await this.#drop(running)
    }
    for (const [name, id] of shares.at(-1) ?? []) {
      if (!this.#running.has(name) && !this.#starting.has(name)) this.#begin(id)
    }
  }

  #tasksOf(partitions: readonly TopicPartition[]): TaskId[] {
    return this.#options.plan.subTopologies.flatMap(part => {
      const own = partitions.filter(tp => part.sourceTopics.includes(tp.topic)).map(tp => tp.partition)
      return [...new Set(own)].map(partition => ({ subTopology: part.id, partition }))
    })
  }

  /** Begins a task in the background; the loop goes on with the others. */
  #begin(id: TaskId): void {
    const token = {}
    const name = taskName(id)
    // The token is looked at after every await: the task may be taken away, and be given back, while it is restored.
    const wanted = (): boolean => this.#starting.get(name)?.token === token
    const start = async (): Promise<void> => {
      while (wanted()) {
        try {
          await this.#startTask(this.#newTask(id), wanted)
          break
        } catch (error) {
          await this.#backOff(name, error)
        }
      }
      if (wanted()) this.#starting.delete(name)
    }
    // Not before the entry is made: `wanted` asks for it.
    const done = Promise.resolve()
      .then(start)
      .catch(error => {
        this.#failure ??= error
      })
    this.#starting.set(name, { token, done })
  }

  /** Waits before a task is tried again. @throws the error, if it cannot be recovered from or came too often */
  async #backOff(name: string, error: unknown): Promise<void> {
    const { timers, listener } = this.#options
    // The record that it failed on is marked, so it gets further with every attempt.
    if (recoveryOf(error) === 'poison')
      return listener.onNotice(`task ${name} is tried again: ${messageOf(error)}`)
    const attempt = (this.#attempts.get(name) ?? 0) + 1
    this.#attempts.set(name, attempt)
    if (recoveryOf(error) === 'stop' || attempt > ATTEMPTS) throw error
    listener.onNotice(`task ${name} is tried again: ${messageOf(error)}`)
    await new Promise<void>(resolve => timers.after(Math.min(5000, 50 * 2 ** attempt), resolve))
  }

  async #startTask(task: Task, wanted: () => boolean): Promise<void> {
    const { log, plan, clientId, guarantee, timers, state, listener } = this.#options
    const { applicationId } = plan
    const transactionalId = guarantee === 'exactly_once' ? `${applicationId}-${task.name}` : undefined
    const producer: Producer = await log.producer({ clientId, transactionalId })
    let database: TaskStore | undefined
    try {
      if (!wanted()) return await producer.close()
      await producer.init()
      // Only now: the positions and the changelog stand still, since a predecessor is fenced.
      const committed = await log.admin.committed(
        applicationId,
        task.inputs.map(tp => tp.topic),
      )
      const restored = await restore(task, {
        log,
        state,
        applicationId,
        clientId,
        wanted,
        onNotice: listener.onNotice,
      })
      if (restored === undefined) return await producer.close()
      database = restored.database
      task.start(committed.filter(each => each.partition === task.id.partition))
      await task.decide()
      if (!wanted()) return await this.#release({ producer, database })
      listener.onRestored(task.name, restored.records)
      const running: Running = {
        task,
        applicationId,
        guarantee,
        producer,
        database,
        timers,
        consumer: this.#consumer!,
        checkpoint: restored.checkpoint,
        committedAt: timers.now(),
        paused: false,
      }
      this.#running.set(task.name, running)
      this.#seekAndResume(running)
    } catch (error) {
      await this.#release({ producer, database })
      throw error
    }
  }

  #newTask(id: TaskId): Task {
    const { log, plan, partitions, batchLimits, failureHandlers, globals, timers, listener } = this.#options
    const part: SubTopology = plan.subTopologies[id.subTopology]!
    const poison = this.#poison.get(taskName(id)) ?? new PoisonRecords()
    this.#poison.set(taskName(id), poison)
    return new Task({
      id,
      part,
      applicationId: plan.applicationId,
      partitions,
      batchLimits,
      failureHandlers,
      poison,
      globals,
      cacheBudget: this.#cacheBudget,
      offsets: topic => log.admin.offsets(topic),
      timers,
      onNotice: text => listener.onNotice(text),
      onDeadLetter: letter => listener.onDeadLetter(letter),
      onDecision: (task, store, decision) => listener.onDecision(task, store, decision),
    })
  }

  #seekAndResume(running: Running): void {
    const { task } = running
    for (const tp of task.seek()) this.#consumer!.seek(tp, tp.position)
    running.paused = false
    this.#consumer!.resume(task.inputs)
  }

  async #dropAll(): Promise<void> {
    this.#lost = false
    this.#poison.clear()
    const starting = [...this.#starting.values()]
    this.#starting.clear()
    await Promise.all(starting.map(each => each.done))
    for (const running of [...this.#running.values()]) await this.#drop(running)
  }

  /** Forgets a task without a commit. */
  async #drop(running: Running): Promise<void> {
    this.#running.delete(running.task.name)
    running.task.close()
    await this.#release(running)
  }

  async #release({
    producer,
    database,
  }: {
    producer: Producer
    database: TaskStore | undefined
  }): Promise<void> {
    await producer.close()
    await database?.close()
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
