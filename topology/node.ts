/**
 * A node: one process's share of an application. It makes the internal topics, runs a thread, and knows what the
 * threads' tasks have done, for metrics.
 */
import type { StateBackend } from '../state/store.ts'
import type { RestoreEvent } from './changelog-reader.ts'
import type { ProcessingGuarantee } from './commit.ts'
import type { DeadLetter } from './dead-letters.ts'
import { TickerError } from './errors.ts'
import type { FailureHandlers } from './failure-policy.ts'
import { GlobalState } from './global-state.ts'
import type { Graph } from './graph.ts'
import { internalTopics, makeInternalTopics } from './internal-topics.ts'
import { lagOf, type PartitionPositions } from './lag.ts'
import type { Log, TopicDescription, TopicPartition } from './log/log.ts'
import { type NodeStatus, nodeStatus, taskStatus } from './node-status.ts'
import type { TaskStateStore } from './operators/context.ts'
import { externalTopics, type Plan, partitionCounts, plan, repartitionTopics } from './plan.ts'
import { Queries } from './queries.ts'
import type { Decision } from './recorded.ts'
import { RepartitionPurge } from './repartition-purge.ts'
import { StreamThread } from './thread.ts'
import { systemTimers, type Timers } from './timers.ts'
import { Watchdog } from './watchdog.ts'

/** Milliseconds a step waits for records when there are none. */
const IDLE_WAIT = 20
/** Milliseconds that closing a node waits for what stands still in it. */
const STALLED_CLOSE = 2_000

export interface NodeOptions {
  readonly topology: Graph
  /** Names the consumer group, the internal topics and the transactional ids: the same for all nodes of an application. */
  readonly applicationId: string
  /** Everything in one task, with one stream time, as in Kafka Streams' test driver: for tests. */
  readonly oneTask?: boolean
  /** Unique per node; the application id if there is only one. */
  readonly clientId?: string
  /** The process, where several members run in one: a task's standbys are kept in other processes. Default: the client id. */
  readonly node?: string
  readonly log: Log
  readonly state: StateBackend
  /** Default `exactly_once`. */
  readonly guarantee?: ProcessingGuarantee
  /** Milliseconds between a task's commits. Default 100. */
  readonly commitInterval?: number
  /**
   * Milliseconds without a heartbeat after which the group gives a node's tasks to others. Default 10,000. Heartbeats are
   * sent ten times as often, but not more often than each 100 ms and not less often than each 500 ms.
   */
  readonly sessionTimeout?: number
  /**
   * Bytes of updates that the node's tables may hold back until the next commit, so that of several updates of a key only
   * the last is handed on (Kafka Streams' `statestore.cache.max.bytes`). Default 0: every update is handed on, and what is
   * put out does not depend on when commits come.
   */
  readonly cacheBytes?: number
  /** Copies of each task's state that other nodes of the application keep up to date, to take it over fast. Default 0. */
  readonly standbyReplicas?: number
  /** `host:port` where this node's stores can be read, for the others to know. */
  readonly endpoint?: string
  /** Of internal topics. As the cluster's default says, if absent. */
  readonly replicationFactor?: number
  /**
   * Milliseconds without progress after which the node ends with NODE_STALLED: a step or a commit that does not end, a task
   * that takes nothing although records wait. Default 120,000; the log itself waits a minute for brokers that are away.
   */
  readonly stallTimeout?: number
  readonly timers?: Timers
  /** What becomes of records that fail. Default: what cannot be decoded is dead-lettered, all else ends the node. */
  readonly onFailure?: FailureHandlers
  /** Something an operator of the node should know. */
  readonly onNotice?: (text: string) => void
  readonly onDeadLetter?: (letter: DeadLetter) => void
  readonly onDecision?: (task: string, store: string, decision: Decision<unknown>) => void
  readonly onRestored?: (task: string, records: number) => void
  /** How restores go, store by store. */
  readonly onRestore?: (event: RestoreEvent) => void
}

export class StreamsNode {
  readonly plan: Plan
  readonly #options: NodeOptions
  readonly #timers: Timers
  readonly #globals: GlobalState
  readonly #purge: RepartitionPurge
  /** Restores under way, by changelog and partition. */
  readonly #restoring = new Map<string, RestoreEvent>()
  #thread: StreamThread | undefined
  #queries: Queries | undefined
  #loop: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #stopping = false
  /** It has ended because something in it stands still, which closing must not wait for. */
  #stalled = false
  /** What it had done when it was closed. */
  #final: NodeStatus | undefined

  constructor(options: NodeOptions) {
    this.#options = options
    this.#timers = options.timers ?? systemTimers
    this.plan = plan(options.topology, options.applicationId, options)
    this.#purge = new RepartitionPurge({
      admin: options.log.admin,
      group: options.applicationId,
      topics: repartitionTopics(this.plan),
      timers: this.#timers,
      onNotice: text => options.onNotice?.(text),
    })
    this.#globals = new GlobalState(this.plan.globalTables, {
      log: options.log,
      clientId: options.clientId ?? options.applicationId,
      timers: this.#timers,
      onNotice: text => options.onNotice?.(text),
    })
  }

  /**
   * Makes the internal topics, reads the global tables and joins the group. The topics that the topology reads and writes
   * must exist.
   * @throws TickerError LOG_UNKNOWN_TOPIC, TOPIC_WRONG_PARTITIONS, TOPIC_WRONG_CLEANUP, TOPOLOGY_NOT_COPARTITIONED
   */
  async start(): Promise<void> {
    const { log, state } = this.#options
    const { applicationId } = this.plan
    const external = await this.#describeExternal()
    const partitions = partitionCounts(
      this.plan,
      new Map(external.map(each => [each.topic, each.partitions])),
    )
    const internal = await makeInternalTopics(
      log.admin,
      internalTopics(this.plan, {
        partitions,
        largestBatch: Math.max(...external.map(each => each.batchLimit)),
        replicationFactor: this.#options.replicationFactor,
      }),
    )
    const batchLimits = new Map([...external, ...internal].map(each => [each.topic, each.batchLimit]))
    await this.#globals.start()
    this.#thread = new StreamThread({
      log,
      plan: this.plan,
      clientId: this.#options.clientId ?? applicationId,
      node: this.#options.node ?? this.#options.clientId ?? applicationId,
      endpoint: this.#options.endpoint,
      standbyReplicas: this.#options.standbyReplicas ?? 0,
      guarantee: this.#options.guarantee ?? 'exactly_once',
      commitInterval: this.#options.commitInterval ?? 100,
      sessionTimeout: this.#options.sessionTimeout,
      cacheBytes: this.#options.cacheBytes ?? 0,
      state,
      partitions,
      batchLimits,
      failureHandlers: this.#options.onFailure ?? {},
      globals: this.#globals.tables,
      timers: this.#timers,
      listener: {
        onNotice: text => this.#options.onNotice?.(text),
        onDeadLetter: letter => this.#options.onDeadLetter?.(letter),
        onDecision: (task, store, decision) => this.#options.onDecision?.(task, store, decision),
        onRestore: event => this.#tellRestore(event),
        onRestored: (task, records) => this.#options.onRestored?.(task, records),
      },
    })
    const thread = this.#thread
    this.#queries = new Queries({
      plan: this.plan,
      node: this.#options.node ?? this.#options.clientId ?? applicationId,
      partitions,
      timers: this.#timers,
      onNotice: text => this.#options.onNotice?.(text),
      tasks: () => thread.tasks,
      standbys: thread.placement.standbys,
      placement: () => thread.placement.current,
      storesOf: id => thread.storesOf(id),
    })
    await thread.start()
  }

  /** Runs until `close`. Rejects with what the node cannot go on from. */
  run(): Promise<void> {
    this.#loop ??= this.#run()
    return this.#loop
  }

  /**
   * One step, for a driver that owns the loop, with global tables up to date. Answers with the number of records processed,
   * at most `limit` for each task.
   */
  async step(limit?: number): Promise<number> {
    await this.#globals.catchUp()
    this.#purge.tick(() => this.#inputs())
    return (await this.#thread?.step(0, limit)) ?? 0
  }

  /** Commits what every task has done, now: for a driver that owns the loop. */
  async commit(): Promise<void> {
    await this.#thread?.commitAll()
  }

  /**
   * The store of this name of each task that runs here, with the task's partition; of a global table, whose contents are of
   * all partitions, -1. `instanceof` tells its kind.
   */
  stores(name: string): readonly { readonly partition: number; readonly store: TaskStateStore }[] {
    const global = [...this.#globals.tables.values()].map(store => ({ partition: -1, store }))
    const local = (this.#thread?.tasks ?? []).flatMap(({ id: { partition }, operators }) =>
      operators.stores.map(store => ({ partition, store })),
    )
    return [...global, ...local].filter(({ store }) => store.name === name)
  }

  /** Reads stores here, and says who has the others. @throws TickerError LOG_MISUSED before `start` */
  get query(): Queries {
    if (this.#queries === undefined) throw new TickerError('LOG_MISUSED', 'the node is not started')
    return this.#queries
  }

  /** Takes no more records until `resume`. What was taken is committed; the tasks stay here, so that no other node has them. */
  pause(): void {
    this.#thread?.pause()
  }

  resume(): void {
    this.#thread?.resume()
  }

  /** Whether an assignment or a restore is under way. */
  get settling(): boolean {
    return this.#thread?.settling ?? true
  }

  status(): NodeStatus {
    if (this.#final !== undefined) return this.#final
    const thread = this.#thread
    const name = this.#options.clientId ?? this.plan.applicationId
    return nodeStatus({
      tasks: (thread?.tasks ?? []).map(task => taskStatus(task, name)),
      threads: thread === undefined ? [] : [thread.measures],
      standbys: thread?.placement.standbys.status ?? [],
      restoring: [...this.#restoring.values()].map(({ task, store, left }) => ({ task, store, left })),
    })
  }

  /** Per input partition: the end that can be read, and the committed position. */
  async lag(): Promise<readonly PartitionPositions[]> {
    return await lagOf(this.#options.log, this.plan)
  }

  /** Commits, leaves the group and ends the loop. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#stopping = true
    await this.#loop?.catch(() => {})
    const closed = this.#closeParts()
    if (!this.#stalled) return await closed
    const patience = new Promise<void>(resolve => this.#timers.after(STALLED_CLOSE, resolve))
    await Promise.race([closed, patience])
  }

  async #closeParts(): Promise<void> {
    try {
      await this.#thread?.close(() => {
        this.#final = { ...this.status(), restoring: [] }
      })
    } finally {
      await this.#purge.close()
      await this.#globals.close()
    }
  }

  async #run(): Promise<void> {
    const watchdog = new Watchdog({
      timers: this.#timers,
      timeout: this.#options.stallTimeout ?? 120_000,
      admin: this.#options.log.admin,
      activities: () => this.#thread?.activities() ?? [],
    })
    const watching = watchdog.watch().catch(error => {
      this.#stopping = true
      this.#stalled = true
      throw error
    })
    try {
      await Promise.race([this.#runLoops(), watching])
    } finally {
      watchdog.stop()
    }
  }

  /** The tasks and, beside them, the global tables; where one fails, both end. */
  async #runLoops(): Promise<void> {
    const loops = [this.#runThread(), this.#globals.follow(IDLE_WAIT, () => this.#stopping)]
    const ended = await Promise.allSettled(
      loops.map(loop =>
        loop.catch(error => {
          this.#stopping = true
          throw error
        }),
      ),
    )
    for (const loop of ended) if (loop.status === 'rejected') throw loop.reason
  }

  async #runThread(): Promise<void> {
    while (!this.#stopping) {
      await this.#thread!.step(IDLE_WAIT)
      this.#purge.tick(() => this.#inputs())
      // An in-process log answers at once: without this, sockets and timers would wait until the input is empty.
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  #tellRestore(event: RestoreEvent): void {
    const changelog = `${event.topic} ${event.partition}`
    if (event.type === 'end' || event.type === 'suspended') this.#restoring.delete(changelog)
    else this.#restoring.set(changelog, event)
    this.#options.onRestore?.(event)
  }

  #inputs(): readonly TopicPartition[] {
    return (this.#thread?.tasks ?? []).flatMap(task => task.inputs)
  }

  /** The topics that the application's user made. */
  async #describeExternal(): Promise<readonly TopicDescription[]> {
    return await Promise.all(
      externalTopics(this.plan).map(async topic => {
        const description = await this.#options.log.admin.describeTopic(topic)
        if (description !== undefined) return description
        throw new TickerError('LOG_UNKNOWN_TOPIC', `the topic ${topic} does not exist`)
      }),
    )
  }
}
