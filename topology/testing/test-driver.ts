/**
 * Runs a topology in a test: the same node, thread, tasks and commits as in production, on an in-process log, step by
 * step and on a clock of its own.
 */
import { memoryBackend } from '../../state/index.ts'
import type { Graph } from '../graph.ts'
import type { Headers, Log } from '../log/log.ts'
import { memoryLog } from '../log/memory/memory-log.ts'
import { RecordCursor } from '../log/record-batch.ts'
import { type NodeOptions, StreamsNode } from '../node.ts'
import type { TaskStateStore } from '../operators/context.ts'
import { partitionOf } from '../partitioner.ts'
import type { Serde } from '../serde.ts'
import { ManualTimers } from './manual-timers.ts'
import { mulberry32 } from './mulberry32.ts'

export interface TestDriverOptions
  extends Partial<
    Pick<
      NodeOptions,
      | 'guarantee'
      | 'state'
      | 'onDecision'
      | 'onFailure'
      | 'onNotice'
      | 'applicationId'
      | 'oneTask'
      | 'cacheBytes'
    >
  > {
  /**
   * A commit after every so many records, those of internal topics included. Default 1, which is Kafka Streams' test
   * driver's way; Infinity: only when asked. What goes through an internal topic arrives behind it after a commit.
   */
  readonly commitEvery?: number
  /** Commits come at random instead, after `commitEvery` records on average; the same seed gives the same commits. */
  readonly seed?: number
  /** Of every topic. Default 1. */
  readonly partitions?: number
  /** Milliseconds since the epoch at the beginning. Default 0. */
  readonly now?: number
  /** A log that holds records already: for going on where another driver stopped. */
  readonly log?: Log
}

export interface TestRecord<K, V> {
  readonly key: K | null
  readonly value: V | null
  readonly timestamp: number
  readonly headers: Headers
}

/**
 * Feeds a topology and reads what it writes. Each step runs to its end: when `pipe` is done, so is all that follows from the
 * record.
 *
 * @example
 * ```ts
 * const serdes = { key: string, value: long }
 * builder.stream('pulses', serdes).groupByKey().count('counts').toStream().to('out', serdes)
 *
 * const driver = await TopologyTestDriver.start(builder.build(), { commitEvery: 10, seed: 7, partitions: 3 })
 * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 0 })
 * await driver.restart() // on what it committed
 * await driver.pipe('pulses', { key: 'anna', value: 91, timestamp: 1 })
 * await driver.commit()
 * for (const { key, value } of await driver.read('out', serdes)) console.log(key, value)
 * await driver.close()
 * // → anna 1
 * // → anna 2
 * ```
 */
export class TopologyTestDriver {
  readonly timers: ManualTimers
  readonly log: Log
  readonly #graph: Graph
  readonly #options: TestDriverOptions
  /** In the order in which they joined. */
  #nodes: StreamsNode[]
  /** Of all nodes there ever were. */
  #joined = 0
  readonly #commitEvery: number
  readonly #partitions: number
  readonly #random: (() => number) | undefined
  #uncommitted = 0
  #read = new Map<string, number>()

  private constructor(graph: Graph, options: TestDriverOptions) {
    this.#graph = graph
    this.#options = options
    this.#commitEvery = options.commitEvery ?? 1
    this.#partitions = options.partitions ?? 1
    this.#random = options.seed === undefined ? undefined : mulberry32(options.seed)
    this.timers = new ManualTimers(options.now)
    this.log = options.log ?? memoryLog({ now: () => this.timers.now() })
    this.#nodes = [this.#newNode()]
  }

  /** The one that joined first, of those that run. */
  get node(): StreamsNode {
    return this.#nodes[0]!
  }

  /** Makes the topics and waits until every task runs. */
  static async start(graph: Graph, options: TestDriverOptions = {}): Promise<TopologyTestDriver> {
    const driver = new TopologyTestDriver(graph, options)
    const topics = graph.nodes.flatMap(node => {
      if (node.kind === 'globalTable') return [node.topic]
      return node.kind === 'source' || node.kind === 'sink' ? node.topics : []
    })
    await driver.log.admin.createTopics(
      [...new Set(topics)].map(topic => ({ topic, partitions: driver.#partitions })),
    )
    await driver.node.start()
    await driver.#settle()
    return driver
  }

  /**
   * Commits, stops, and goes on with another node that has nothing but the log: its state comes from the changelogs, unless
   * `state` was given.
   */
  async restart(): Promise<void> {
    await this.commit()
    await this.close()
    this.#nodes = [this.#newNode()]
    await this.node.start()
    await this.#settle()
  }

  /** Another node joins, with nothing but the log, and takes its share of the tasks. */
  async join(): Promise<void> {
    const node = this.#newNode()
    this.#nodes.push(node)
    await node.start()
    await this.#settle()
  }

  /** The node that joined first leaves; the others take its tasks. */
  async leave(): Promise<void> {
    if (this.#nodes.length < 2) throw new Error('the last node cannot leave')
    await this.commit()
    await this.#nodes.shift()!.close()
    await this.#settle()
  }

  /** Writes a record with the source's serdes and runs it, and what follows from it, to the end. */
  async pipe(
    topic: string,
    record: { key: unknown; value: unknown; timestamp: number; headers?: Headers },
  ): Promise<void> {
    const source = this.#graph.nodes.find(
      node =>
        (node.kind === 'source' && node.topics.includes(topic)) ||
        (node.kind === 'globalTable' && node.topic === topic),
    )
    if (source?.kind !== 'source' && source?.kind !== 'globalTable')
      throw new Error(`the topology does not read ${topic}`)
    const key = record.key === null ? null : source.key.serialize(record.key)
    const value = record.value === null ? null : source.value.serialize(record.value)
    await this.pipeBytes(topic, { ...record, key, value })
  }

  /** The same with bytes as they are: for records that cannot be decoded. */
  async pipeBytes(
    topic: string,
    record: { key: Buffer | null; value: Buffer | null; timestamp: number; headers?: Headers },
  ): Promise<void> {
    const producer = await this.log.producer({ clientId: 'test-driver' })
    await producer.init()
    const partition = record.key === null ? 0 : partitionOf(record.key, this.#partitions)
    await producer.send([{ topic, partition, ...record }])
    await producer.close()
    // One that went to the dead letters is a record too.
    if ((await this.#settle()) === 0 && this.#commitIsDue(1)) await this.commit()
  }

  /** Moves the wall clock on, and runs what that sets off to the end. */
  async advanceWallClock(ms: number): Promise<void> {
    this.timers.advance(ms)
    await this.#settle()
  }

  /** The store of this name of each task, by partition, with what is not committed yet. `instanceof` tells its kind. */
  stores(name: string): readonly TaskStateStore[] {
    const stores = this.#nodes.flatMap(node => node.stores(name))
    return stores.sort((a, b) => a.partition - b.partition).map(({ store }) => store)
  }

  /** Commits, until nothing is left to commit: what went through internal topics too. */
  async commit(): Promise<void> {
    do {
      await this.#commitOnce()
    } while ((await this.#settle()) > 0)
  }

  /** What was committed to a topic since the last call, by partition and offset. */
  async read<K, V>(topic: string, serdes: { key: Serde<K>; value: Serde<V> }): Promise<TestRecord<K, V>[]> {
    const reader = await this.log.reader({ clientId: 'test-driver' })
    const records: TestRecord<K, V>[] = []
    const cursor = new RecordCursor()
    for (const { partition, start, end } of await this.log.admin.offsets(topic)) {
      const id = `${topic} ${partition}`
      let position = this.#read.get(id) ?? start
      reader.seek({ topic, partition }, position)
      while (position < end) {
        for (const batch of await reader.poll(0)) {
          if (batch.partition !== partition) continue
          cursor.reset(batch, position)
          while (cursor.next()) {
            records.push({
              key: cursor.key && serdes.key.deserialize(cursor.key),
              value: cursor.value && serdes.value.deserialize(cursor.value),
              timestamp: cursor.timestamp,
              headers: cursor.headers(),
            })
          }
          position = batch.lastOffset + 1
        }
      }
      this.#read.set(id, position)
    }
    await reader.close()
    return records
  }

  /** Commits and ends, leaving the log open. */
  async close(): Promise<void> {
    for (const node of this.#nodes) await node.close()
  }

  /** Steps until nothing moves, committing on the way. Answers with the number of records processed. */
  async #settle(): Promise<number> {
    let total = 0
    let idle = 0
    while (idle < 3) {
      // One record at a time: so that a commit can come between any two.
      let processed = 0
      for (const node of this.#nodes) processed += await node.step(1)
      await new Promise(resolve => setImmediate(resolve))
      total += processed
      idle = processed === 0 && !this.#nodes.some(node => node.settling) ? idle + 1 : 0
      if (processed > 0 && this.#commitIsDue(processed)) await this.#commitOnce()
    }
    return total
  }

  #newNode(): StreamsNode {
    const {
      applicationId = 'test',
      oneTask,
      state = memoryBackend(),
      guarantee,
      cacheBytes,
      onDecision,
      onFailure,
      onNotice,
    } = this.#options
    return new StreamsNode({
      topology: this.#graph,
      applicationId,
      clientId: `${applicationId}-${++this.#joined}`,
      oneTask,
      log: this.log,
      state,
      guarantee,
      commitInterval: Number.POSITIVE_INFINITY,
      cacheBytes,
      timers: this.timers,
      onDecision,
      onFailure,
      onNotice,
    })
  }

  #commitIsDue(records: number): boolean {
    this.#uncommitted += records
    if (this.#random !== undefined) return this.#random() < records / this.#commitEvery
    return this.#uncommitted >= this.#commitEvery
  }

  async #commitOnce(): Promise<void> {
    this.#uncommitted = 0
    for (const node of this.#nodes) await node.commit()
  }
}
