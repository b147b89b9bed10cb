/**
 * A stream thread: one member of the consumer group, and the loop that runs the tasks it was assigned. Nothing that takes long
 * stops the loop: commits, restores and second attempts go on beside it.
 *
 * An assignment comes in a callback of the consumer; the callback only notes it (all its partitions are paused by
 * then), and the loop acts on it between two steps. Tasks that stay go on with their state open; new tasks initialise their
 * producer (which fences a predecessor), restore, seek and resume while the others run. Tasks that are gone are committed
 * once more under exactly-once, to spare their new owner what they have done; should that have fenced them before, the commit
 * fails and the new owner does it again. Under at-least-once nothing would fence that commit: there they are dropped.
 *
 * What an assignment may meet:
 * - *a poll*: what was fetched belongs to a generation that is over, and is dropped. Tasks that stay seek before they go on.
 * - *a commit under way*: it goes on. Either the transaction ends before the new owner initialises its producer, who then
 *   finds positions and changelog moved; or the new owner comes first, and the transaction fails. The database is closed, and
 *   a task of the same name begun, only after the commit has ended.
 * - *a task that is being restored*: each step of `startTask` asks `wanted` after its await, which knows of an
 *   assignment before the loop does. A task that was away in between is begun anew, after the first attempt has ended.
 *   What cannot be closed: a request to initialise a producer that is on its way may fence the new owner, who then asks the
 *   group and does it again.
 * - *a heartbeat before a second attempt*: it answers for a generation that is over, so the attempt looks whether another
 *   assignment came meanwhile before it leaves the task to the next one.
 */
import { activitiesOf } from './activities.ts'
import { commit } from './commit.ts'
import { recoveryOf, TickerError } from './errors.ts'
import { messageOf } from './failure-policy.ts'
import type { Assignment, Consumer, TopicPartition } from './log/log.ts'
import type { RecordBatch } from './log/record-batch.ts'
import type { TaskStateStore } from './operators/context.ts'
import type { CacheBudget } from './operators/record-cache.ts'
import { type SubTopology, type TaskId, taskName } from './plan.ts'
import { PoisonRecords } from './poison.ts'
import { type Running, release, startTask } from './start-task.ts'
import { Task } from './task.ts'
import { TaskPlacement } from './task-placement.ts'
import type { ThreadOptions } from './thread-options.ts'
import { ThreadMeasures } from './thread-status.ts'
import type { Activity } from './watchdog.ts'

/** Failures of a task in a row, without a commit between, after which the thread gives up. */
const ATTEMPTS = 10
/** Records a task takes before the others have their turn. */
const TURN = 1000

/** A task that is being restored, or waits before it is tried again. */
interface Starting {
  readonly token: object
  readonly done: Promise<void>
  /** Ends the wait. */
  hurry: () => void
  /** Rises with each step of the way. */
  progress: number
}

export class StreamThread {
  readonly #options: ThreadOptions
  readonly #running = new Map<string, Running>()
  /** Tasks being restored, by name; the token tells a task from a later one of the same name. */
  readonly #starting = new Map<string, Starting>()
  /**
   * What is still under way for tasks that are gone: their last commit, the closing of their database. A task that begins
   * under the same name waits for it.
   */
  readonly #ending = new Map<string, Promise<void>>()
  readonly #attempts = new Map<string, number>()
  readonly #cacheBudget: CacheBudget | undefined
  /** What made a task fail, by its name; kept while it stays here. */
  readonly #poison = new Map<string, PoisonRecords>()
  /** Standbys, and what the group is told of tasks. */
  readonly placement: TaskPlacement
  readonly measures: ThreadMeasures
  #consumer: Consumer | undefined
  /** Assignments not acted on yet, the newest last. */
  #assigned: Assignment[] = []
  #lost = false
  /** Rises with each assignment, and when the membership is lost. */
  #generation = 0
  /** Whether the last step found work: the next one does not wait for more. */
  #busy = false
  /**
   * When a commit interval last ended. It is the same for all tasks: so they wait for what is asynchronous together, and who
   * serves them can do it in one.
   */
  #intervalEnd = 0
  /** Told to take no records. */
  #paused = false
  #failure: unknown

  constructor(options: ThreadOptions) {
    this.#options = options
    const { cacheBytes } = options
    this.measures = new ThreadMeasures(options.clientId)
    this.#cacheBudget = cacheBytes > 0 ? { limit: cacheBytes, used: 0 } : undefined
    this.placement = new TaskPlacement({
      ...options,
      onNotice: text => options.listener.onNotice(text),
      storesOf: id => this.storesOf(id),
      running: () => new Map([...this.#running].map(([name, { checkpoint }]) => [name, checkpoint])),
      rejoin: () => this.#consumer?.rejoin(),
    })
  }

  /** Joins the group. */
  async start(): Promise<void> {
    const { log, plan, clientId, sessionTimeout } = this.#options
    this.#intervalEnd = this.#options.timers.now()
    await this.placement.start()
    this.#consumer = await log.consumer({
      ...this.placement.membership,
      group: plan.applicationId,
      clientId,
      sessionTimeout,
      onAssigned: assignment => {
        this.#generation++
        this.#assigned.push(assignment)
        this.#consumer?.wakeup()
      },
      onLost: () => {
        this.#generation++
        this.#lost = true
        this.measures.lostMemberships++
        this.#consumer?.wakeup()
      },
    })
  }

  get tasks(): readonly Task[] {
    return [...this.#running.values()].map(each => each.task)
  }

  /** New, empty stores of a task. */
  storesOf(id: TaskId): readonly TaskStateStore[] {
    return this.#newTask(id, new PoisonRecords()).operators.stores
  }

  /** Whether anything goes on beside the loop, or an assignment waits to be acted on. */
  get settling(): boolean {
    const underWay = [...this.#running.values()].some(
      each => each.committing !== undefined || each.task.parked,
    )
    return underWay || this.#starting.size > 0 || this.#ending.size > 0 || this.#assigned.length > 0
  }

  /** What should move on, for the watchdog. */
  activities(): readonly Activity[] {
    const running = [...this.#running.values()]
    const paused = this.#paused
    return activitiesOf({ steps: this.measures.polls, starting: this.#starting, running, paused })
  }

  /** From now on no records are taken, until `resume`; what was taken is committed, and the tasks stay. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
  }

  /**
   * One step of the loop: act on a new assignment, take what was fetched, run each task for a turn, begin the commits that
   * are due. Answers with the number of records processed, at most `limit` for each task.
   * @throws what the thread cannot go on from
   */
  async step(maxWait: number, limit = TURN): Promise<number> {
    const consumer = this.#consumer
    if (consumer === undefined) throw new TickerError('LOG_MISUSED', 'the thread is not started')
    if (this.#lost) this.#dropAll()
    if (this.#assigned.length > 0) this.#rebalance()
    this.measures.polls++
    const began = this.#options.timers.now()
    if (this.#starting.size === 0) this.measures.settled(began)
    const batches = await consumer.poll(this.#busy ? 0 : Math.min(maxWait, this.#untilDue()))
    // An assignment may have come during the poll: what was fetched belongs to a generation that is over.
    if (this.#assigned.length > 0 || this.#lost) return 0
    for (const batch of batches) this.#route(batch)
    const now = this.#options.timers.now()
    if (now - this.#intervalEnd >= this.#options.commitInterval) this.#intervalEnd = now
    let processed = 0
    for (const running of [...this.#running.values()]) processed += this.#turn(running, limit)
    this.#busy = processed > 0
    if (!this.#busy) for (const { task } of this.#running.values()) task.idle()
    this.measures.stepped(began, now, this.#options.timers.now())
    if (this.#failure !== undefined) throw this.#failure
    return processed
  }

  /** Milliseconds until the commit interval ends; 1 at least, or an interval of 0 would have the loop never wait. */
  #untilDue(): number {
    const { timers, commitInterval } = this.#options
    return Math.max(1, this.#intervalEnd + commitInterval - timers.now())
  }

  /** Commits what every task has done until now. @throws what the thread cannot go on from */
  async commitAll(): Promise<void> {
    const commits = [...this.#running.values()].map(async running => {
      await running.committing
      if (this.#running.get(running.task.name) === running) await this.#commit(running)
    })
    await Promise.all(commits)
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Commits, closes the tasks and leaves the group. `committed` is called when all is committed and the tasks are there. */
  async close(committed: () => void): Promise<void> {
    try {
      if (this.#assigned.length === 0 && !this.#lost && this.#failure === undefined) await this.commitAll()
      committed()
    } finally {
      this.#dropAll()
      await Promise.all([...this.#ending.values(), this.placement.close()])
      await this.#consumer?.close()
    }
  }

  #turn(running: Running, limit: number): number {
    const { task } = running
    let processed = 0
    try {
      if (!task.parked && !this.#paused) processed = task.process(limit) + task.punctuate()
    } catch (error) {
      // Also where it is not tried again: what was half done must not be committed on the way out.
      this.#fail(running, error)
      return 0
    }
    if (this.#isDue(running)) void this.#commit(running)
    this.#throttle(running)
    return processed
  }

  #isDue({ task, committing, committedAt }: Running): boolean {
    return committing === undefined && (task.full || committedAt < this.#intervalEnd)
  }

  /** Does not reject. */
  #commit(running: Running): Promise<void> {
    running.committedAt = this.#options.timers.now()
    running.committing = commit(running)
      .then(committed => {
        if (committed === undefined) return
        this.#attempts.delete(running.task.name)
        this.measures.committed(committed, running.committedAt, this.#options.timers.now())
      })
      .catch(error => {
        this.measures.failedCommits++
        this.#fail(running, error)
      })
      .finally(() => {
        running.committing = undefined
        this.#consumer!.wakeup()
      })
    return running.committing
  }

  /** Throws a task away, with both its epochs, and begins it anew from its last commit. */
  #fail(running: Running, cause: unknown): void {
    const { task } = running
    // It may have been taken away meanwhile.
    if (this.#running.get(task.name) !== running) return
    this.#drop(running)
    this.#begin(task.id, cause)
  }

  /** An input of which a task holds enough is paused until it has worked it off; all of them while the thread is. */
  #throttle(running: Running): void {
    const { task } = running
    const fed = this.#paused ? task.inputs : task.fed
    const lacks = (others: readonly TopicPartition[]) => (tp: TopicPartition) =>
      !others.some(each => each.topic === tp.topic)
    const [paused, resumed] = [fed.filter(lacks(running.paused)), running.paused.filter(lacks(fed))]
    if (paused.length > 0) this.#consumer!.pause(paused)
    if (resumed.length > 0) this.#consumer!.resume(resumed)
    running.paused = fed
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
  #rebalance(): void {
    const shares = this.#assigned.map(({ partitions }) => this.#tasksOf(partitions))
    const newest = this.#assigned.at(-1)!
    this.measures.assigned(this.#assigned.length, this.#options.timers.now())
    this.#assigned = []
    const stays = (name: string): boolean => shares.every(share => share.has(name))
    for (const name of [...this.#starting.keys()]) if (!stays(name)) this.#abandon(name)
    for (const name of [...this.#poison.keys()]) if (!stays(name)) this.#poison.delete(name)
    for (const running of [...this.#running.values()]) {
      if (stays(running.task.name)) this.#seekAndResume(running)
      else this.#handOver(running)
    }
    this.placement.assigned(newest)
    for (const [name, id] of shares.at(-1) ?? []) {
      if (!this.#running.has(name) && !this.#starting.has(name)) this.#begin(id)
    }
  }

  #tasksOf(partitions: readonly TopicPartition[]): Map<string, TaskId> {
    const ids = this.#options.plan.subTopologies.flatMap(part =>
      partitions
        .filter(tp => part.sourceTopics.includes(tp.topic))
        .map(tp => ({ subTopology: part.id, partition: tp.partition })),
    )
    return new Map(ids.map(id => [taskName(id), id]))
  }

  /** Begins a task in the background; the loop goes on with the others. `cause`: why it has to begin again. */
  #begin(id: TaskId, cause?: unknown): void {
    const token = {}
    const name = taskName(id)
    const isCurrent = (): boolean => this.#starting.get(name)?.token === token
    const { listener } = this.#options
    const steps = (): void => {
      const starting = this.#starting.get(name)
      if (starting?.token === token) starting.progress++
    }
    const wanted = (): boolean =>
      isCurrent() && !this.#lost && this.#assigned.every(each => this.#tasksOf(each.partitions).has(name))
    const poison = this.#poison.get(name) ?? new PoisonRecords()
    this.#poison.set(name, poison)
    const start = async (): Promise<void> => {
      await this.#ending.get(name)
      for (let failure = cause; isCurrent(); ) {
        if (failure !== undefined) await this.#backOff(name, failure)
        steps()
        try {
          if (failure !== undefined && !(await this.#isMember())) break
          const running = await startTask(this.#newTask(id, poison), {
            ...this.#options,
            consumer: this.#consumer!,
            wanted,
            restoresEnd: () => this.#startsEnd(),
            onStep: steps,
            listener: {
              ...listener,
              onRestore: event => {
                steps()
                this.measures.restored(event)
                listener.onRestore(event)
              },
            },
          })
          this.#running.set(name, running)
          this.measures.tasksCreated++
          if (isCurrent()) this.#seekAndResume(running)
          else this.#drop(running)
          break
        } catch (error) {
          if (!wanted() || this.placement.leaves(name, error)) break
          failure = error
        }
      }
    }
    // Not before the entry is made: `isCurrent` asks for it.
    const done = Promise.resolve()
      .then(start)
      .catch(error => {
        this.#failure ??= error
      })
      .finally(() => {
        if (isCurrent()) this.#starting.delete(name)
        this.#consumer!.wakeup()
      })
    this.#starting.set(name, { token, done, hurry: () => {}, progress: 0 })
  }

  async #startsEnd(): Promise<void> {
    while (this.#starting.size > 0) await Promise.all([...this.#starting.values()].map(({ done }) => done))
  }

  /** Waits before a task is tried again. @throws the cause, if it cannot be recovered from or came too often */
  async #backOff(name: string, cause: unknown): Promise<void> {
    const { timers, listener } = this.#options
    // Where a record is to blame it is marked, so the task gets further with every attempt, and need not wait.
    const isPoison = recoveryOf(cause) === 'poison'
    const attempt = (this.#attempts.get(name) ?? 0) + (isPoison ? 0 : 1)
    this.#attempts.set(name, attempt)
    this.measures.taskRetries++
    if (recoveryOf(cause) === 'stop' || attempt > ATTEMPTS) throw cause
    listener.onNotice(`task ${name} is tried again: ${messageOf(cause)}`)
    if (!isPoison) {
      await new Promise<void>(resolve => {
        const cancel = timers.after(Math.min(5000, 50 * 2 ** attempt), resolve)
        const starting = this.#starting.get(name)
        if (starting === undefined) return
        starting.hurry = () => {
          cancel()
          resolve()
        }
      })
    }
  }

  /**
   * To be asked before a task is tried again, because making the producer anew fences whoever has the task now. False where
   * the group's next assignment says what to do.
   */
  async #isMember(): Promise<boolean> {
    const generation = this.#generation
    try {
      await this.#consumer!.heartbeat()
      return true
    } catch (error) {
      if (recoveryOf(error) !== 'rejoin') throw error
      // What was answered is about the generation that was asked for; another assignment may have come since.
      return this.#generation !== generation
    }
  }

  #newTask(id: TaskId, poison: PoisonRecords): Task {
    const { log, plan, partitions, batchLimits, failureHandlers, globals, timers, listener } = this.#options
    const part: SubTopology = plan.subTopologies[id.subTopology]!
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
      onReady: () => this.#consumer!.wakeup(),
    })
  }

  #seekAndResume(running: Running): void {
    const { task } = running
    for (const tp of task.seek()) this.#consumer!.seek(tp, tp.position)
    running.paused = []
    this.#consumer!.resume(task.inputs)
  }

  #dropAll(): void {
    this.#lost = false
    this.#poison.clear()
    for (const name of [...this.#starting.keys()]) this.#abandon(name)
    for (const running of [...this.#running.values()]) this.#drop(running)
  }

  /** Gives up a task that is being restored. */
  #abandon(name: string): void {
    const { done, hurry } = this.#starting.get(name)!
    this.#starting.delete(name)
    hurry()
    this.#endsWith(name, done)
  }

  /** Gives a task up that another member has by now, and commits what it has done if that is still possible. */
  #handOver(running: Running): void {
    const { task } = running
    const isBusy = task.operators.asynchronous.some(operator => operator.pending > 0)
    if (this.#options.guarantee !== 'exactly_once' || task.parked || isBusy) {
      this.#drop(running)
      return
    }
    this.#running.delete(task.name)
    const last = async (): Promise<void> => {
      await running.committing
      // Where it fails the new owner was faster.
      await commit(running).catch(() => {})
      this.placement.dropped(task.name, running.checkpoint)
      task.close()
      await release(running)
    }
    this.#endsWith(task.name, last())
  }

  /** Forgets a task without a commit. */
  #drop(running: Running): void {
    const { name } = running.task
    this.#running.delete(name)
    this.placement.dropped(name, running.checkpoint)
    running.task.close()
    this.#endsWith(name, release(running))
  }

  #endsWith(name: string, last: Promise<void>): void {
    const ended = Promise.all([this.#ending.get(name), last])
      .catch(error => {
        this.#failure ??= error
      })
      .then(() => {
        if (this.#ending.get(name) === ended) this.#ending.delete(name)
      })
    this.#ending.set(name, ended)
  }
}
