/**
 * The DSL: typed, immutable handles over a graph of plain data (graph.ts). A handle names an output of a node; calling an
 * operator adds a node to the builder's graph and answers with a handle of its output.
 *
 * Stateful operators take a name, because a state directory and a changelog topic must not depend on how many operators
 * were declared before. Stateless ones are numbered.
 */
import { batching, type MapBatchOptions } from './batching.ts'
import type { Known, Serdes } from './builder.ts'
import { type Duration, milliseconds } from './duration.ts'
import { TickerError } from './errors.ts'
import { GlobalTable } from './global-table.ts'
import { checkName, type GraphNode, type Output } from './graph.ts'
import { GroupedStream } from './grouped.ts'
import {
  type Joiner,
  type JoinOptions,
  joinsGlobally,
  joinsStreams,
  joinsTable,
  type Keeps,
} from './joined.ts'
import type { ProcessorOptions, StoreHandles, ValueProcessorOptions } from './processor.ts'
import { type Joinable, StreamJoins } from './stream-joins.ts'
import { KTable } from './table.ts'

/** How a stream is kept as a table. */
export interface TableSourceOptions {
  /** Names the store of the contents, with its changelog topic. */
  readonly store?: string
  /**
   * Keeps the versions of this long a time before the newest record, so that joins find the one that held at a record's time
   * (KIP-889). Then a version counts as the latest by its timestamp, not by its arrival; one older than that is dropped.
   */
  readonly historyRetention?: Duration
}

/**
 * A stream of records with key `K` and value `V`; both are null where a record has none. Timestamp and headers travel with
 * the record. Operators without state are in `stateless.ts`, joins in `stream-joins.ts`; here are those that write to an
 * internal topic, keep state, or leave the engine.
 */
export class KStream<K, V> extends StreamJoins<K, V> {
  /**
   * Writes the stream to an internal topic (`<application>-<name>-repartition`) and reads it again, so that records are
   * where their key belongs. Records without a key are dropped, unless a left or outer join follows.
   * @param options.partitions of the topic; as many as the topics this stream comes from, if absent
   * @throws TickerError TOPOLOGY_SERDE_MISSING, TOPOLOGY_PARTITIONS_INVALID
   *
   * @example
   * ```ts
   * builder
   *   .stream('visits', { key: string, value: string })
   *   .selectKey(page => page, { key: string })
   *   .repartition('by-page', { partitions: 6 })
   *   .forEach((_, page) => console.log(page))
   * console.log(describe(builder.build()).includes('by-page-repartition'))
   * // → true
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('visits', { key: 'anna', value: '/home', timestamp: 0 })
   * // → /home
   * ```
   */
  repartition(name: string, options: Serdes<K, V> & { partitions?: number } = {}): KStream<K, V> {
    checkName(name, 'repartition topic')
    if (
      options.partitions !== undefined &&
      !(Number.isInteger(options.partitions) && options.partitions > 0)
    ) {
      throw new TickerError('TOPOLOGY_PARTITIONS_INVALID', `${name}: ${options.partitions} partitions`)
    }
    return this.#repartition(name, options, false)
  }

  /**
   * Takes each record as its key's newest value; one without a value deletes it. Records without a key are dropped. The
   * last record to arrive counts, whatever its timestamp; with `historyRetention` the one with the greatest timestamp does.
   * Creates the store with its changelog topic, if there is one.
   * @param name of the operator, and of a repartition topic if the key may have changed
   * @param options.store without it the contents are kept only if what follows needs them, in a store `name`
   * @throws TickerError TOPOLOGY_SERDE_MISSING
   *
   * @example
   * ```ts
   * const moves = builder.stream('moves', { key: string, value: string })
   * moves.toTable('rooms', { store: 'rooms' })
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('moves', { key: 'anna', value: 'kitchen', timestamp: 0 })
   * await driver.pipe('moves', { key: 'anna', value: 'garden', timestamp: 1 })
   * const [rooms] = driver.stores('rooms')
   * if (rooms instanceof KeyValueStore) console.log(rooms.get('anna')?.value)
   * // → garden
   * ```
   */
  toTable(
    name: string,
    options: Serdes<K, V> & TableSourceOptions = {},
  ): KTable<NonNullable<K>, NonNullable<V>> {
    checkName(name, 'table')
    const { store, historyRetention, ...serdes } = options
    const { from } = this.#partitioned(name, serdes)
    const { key, value } = this.#serdes(name, serdes)
    const table = this.builder.add({
      kind: 'tableSource',
      name,
      inputs: [from],
      store: {
        name: store ?? name,
        key,
        value,
        history:
          historyRetention === undefined
            ? undefined
            : milliseconds(historyRetention, `${name}, historyRetention`),
      },
      materialized: store !== undefined || historyRetention !== undefined,
    })
    return new KTable<NonNullable<K>, NonNullable<V>>(this.builder, {
      from: table,
      known: { key, value, keyChanged: false },
    })
  }

  /**
   * Groups by the key the records have. Records without a key are dropped by what follows, which repartitions them first if
   * their key may have changed, and names that topic.
   *
   * @example
   * ```ts
   * const pulses = builder.stream('pulses', { key: string, value: long })
   * pulses.groupByKey().count('pulses-per-watch').toStream().forEach((count, watch) => console.log(watch, count))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 0 })
   * await driver.pipe('pulses', { key: 'anna', value: 95, timestamp: 1 })
   * // → anna 1
   * // → anna 2
   * ```
   */
  groupByKey(serdes: Serdes<K, V> = {}): GroupedStream<NonNullable<K>, V> {
    return new GroupedStream<NonNullable<K>, V>(this.builder, name => this.#partitioned(name, serdes))
  }

  /**
   * Groups by another key, which always repartitions, through a topic that what follows names. Records whose new key is
   * null are dropped.
   *
   * @example
   * ```ts
   * builder
   *   .stream('visits', { key: string, value: string })
   *   .groupBy(page => page, { key: string })
   *   .count('visits-per-page')
   *   .toStream()
   *   .forEach((count, page) => console.log(page, count))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('visits', { key: 'anna', value: '/home', timestamp: 0 })
   * await driver.pipe('visits', { key: 'bert', value: '/home', timestamp: 1 })
   * // → /home 1
   * // → /home 2
   * ```
   */
  groupBy<L>(mapper: (value: V, key: K) => L, serdes: Serdes<L, V> = {}): GroupedStream<NonNullable<L>, V> {
    return this.selectKey(mapper, { key: serdes.key }).groupByKey(serdes)
  }

  /**
   * An operator of the application's own (processor.ts): told its context once per task, then called with each record. What
   * it forwards is the resulting stream; it may have other keys, so grouping or joining it repartitions it. It may keep
   * state in stores declared with `TopologyBuilder.store`, read tables (`KTable.contents`), and be called back as time passes
   * (`schedule`). What it throws is a failure of its record (`onFailure` of the node); in a punctuation it ends the node.
   * Creates no topic, but the clocks of its sub-topology are kept in a store
   * (`<application>-<first source topic>-clocks-changelog`).
   * @param options.key how the forwarded keys are serialized, `options.value` the values: where what follows needs it
   * @throws TickerError TOPOLOGY_UNKNOWN_STORE, if a store is of another topology
   *
   * @example Counts per key, handed on every second of stream time
   * ```ts
   * const counts = builder.store('counts', name => new KeyValueStore({ name, key: string, value: long }))
   * builder
   *   .stream('pulses', { key: string, value: long })
   *   .process<string, number, { counts: typeof counts }>('count', {
   *     stores: { counts },
   *     processor: ({ stores, forward, schedule }) => {
   *       schedule('1 s', 'streamTime', () => {
   *         for (const { key, value } of stores.counts.entries()) forward({ key, value })
   *       })
   *       return ({ key, timestamp }) => {
   *         if (key !== null) stores.counts.put(key, (stores.counts.get(key)?.value ?? 0) + 1, timestamp)
   *       }
   *     },
   *   })
   *   .forEach((count, watch, timestamp) => console.log(watch, count, timestamp))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 100 })
   * await driver.pipe('pulses', { key: 'anna', value: 91, timestamp: 200 })
   * await driver.pipe('pulses', { key: 'anna', value: 92, timestamp: 1300 })
   * // → anna 1 100
   * // → anna 3 1300
   * ```
   */
  process<L = K, R = V, H extends StoreHandles = StoreHandles>(
    name: string,
    options: ProcessorOptions<K, V, L, R, H>,
  ): KStream<L, R> {
    const { processor, stores = {}, key, value } = options
    return this.follow<L, R>(
      {
        kind: 'process',
        name,
        inputs: this.#with(stores),
        stores: outputs(stores),
        processor,
      },
      { key, value, keyChanged: true },
    )
  }

  /**
   * As `process`, for values: what it forwards keeps the key of the record at hand, so that what was partitioned stays so.
   * @throws TickerError TOPOLOGY_UNKNOWN_STORE, if a store is of another topology
   *
   * @example
   * ```ts
   * builder
   *   .stream('names', { key: long, value: string })
   *   .processValues<string>('stamp', {
   *     processor: ({ forward, position }) => ({ value, timestamp }) => forward({ value: `${value} at ${timestamp}` }),
   *   })
   *   .forEach((text, id) => console.log(id, text))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('names', { key: 7, value: 'anna', timestamp: 5 })
   * // → 7 anna at 5
   * ```
   */
  processValues<R = V, H extends StoreHandles = StoreHandles>(
    name: string,
    options: ValueProcessorOptions<K, V, R, H>,
  ): KStream<K, R> {
    const { processor, stores = {}, value } = options
    return this.follow<K, R>(
      {
        kind: 'processValues',
        name,
        inputs: this.#with(stores),
        stores: outputs(stores),
        processor,
      },
      { key: this.known.key, value, keyChanged: this.known.keyChanged },
    )
  }

  protected override joinWith(
    name: string,
    keeps: Keeps,
    other: Joinable,
    joiner: Joiner,
    options: JoinOptions<K, V>,
  ): KStream<unknown, unknown> {
    checkName(name, 'join')
    if (keeps.right && !(other instanceof KStream))
      throw new TickerError('TOPOLOGY_JOIN_INVALID', `${name}: only streams are outer-joined with a stream`)
    if (other instanceof GlobalTable) {
      const table = this.builder.owned(name, other.from).node
      const node = joinsGlobally(name, keeps, this.from, table, joiner, options.tableKey)
      return this.follow<K, unknown>(node, { key: this.known.key, keyChanged: this.known.keyChanged })
    }
    if (other instanceof KTable) {
      const at = this.#partitioned(name, { key: options.key, value: options.value })
      const node = joinsTable(name, keeps, at, other, joiner, options.grace)
      return this.follow<unknown, unknown>(node, { key: at.known.key ?? other.known.key, keyChanged: false })
    }
    const left = this.#partitioned(`${name}-left`, { key: options.key, value: options.value })
    const right = other.#partitioned(`${name}-right`, { key: options.key, value: options.otherValue })
    const node = joinsStreams(name, keeps, left, right, joiner, options)
    return this.follow<unknown, unknown>(node, {
      key: left.known.key ?? right.known.key,
      keyChanged: false,
    })
  }

  /**
   * Calls an asynchronous function with batches of values and hands on its results, one for each value, in the order of
   * the records, also while several calls are under way. The values must be the caller's to keep (not a view); records
   * without one are dropped. Every record is taken through exactly once per commit: a commit waits for the calls under way.
   * While all calls are under way and the next batch is full, the task takes no more records.
   *
   * A call that rejects or takes longer than `timeout` is made again, `retry.attempts` calls in all, after `retry.backOff`
   * that doubles up to a minute. When the last one rejects, the node ends (BATCH_FAILED); when it takes too long, the task
   * starts again from its last commit (BATCH_TIMED_OUT).
   *
   * With `recorded`, the function is told the decision in force (recorded.ts), and the decision is committed with the
   * first results that rest on it; it creates the store of the decision's name, with its changelog topic. A result has the
   * timestamp and the headers of its record.
   * @throws TickerError TOPOLOGY_BATCH_INVALID, TOPOLOGY_DURATION_INVALID; BATCH_RESULTS_MISCOUNTED when it runs
   *
   * @example
   * ```ts
   * const lengthsOf = async (names: readonly string[]) => names.map(name => name.length) // a service, say
   * builder
   *   .stream('names', { key: long, value: string })
   *   .mapBatch('lengths', lengthsOf, { maxBatch: 100, timeout: '5 s', retry: { attempts: 3 } })
   *   .forEach((length, id) => console.log(id, length))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('names', { key: 7, value: 'anna', timestamp: 0 })
   * // → 7 4
   * ```
   */
  mapBatch<R, D = undefined>(
    name: string,
    mapper: (values: readonly NonNullable<V>[], context: { readonly recorded: D }) => Promise<readonly R[]>,
    options: MapBatchOptions<D> = {},
  ): KStream<K, R> {
    const { key, keyChanged } = this.known
    const { recorded } = options
    const inputs = [this.from]
    return this.follow<K, R>(
      { kind: 'mapBatch', name, inputs, ...batching(name, options), recorded, mapper },
      { key, keyChanged },
    )
  }

  /**
   * Writes to a topic, partitioned by the key as Kafka's own clients do (murmur2). The topic must exist. Records keep their
   * timestamps and headers.
   * @throws TickerError TOPOLOGY_SERDE_MISSING; LOG_UNKNOWN_TOPIC when started
   *
   * @example
   * ```ts
   * const serdes = { key: string, value: long }
   * builder.stream('pulses', serdes).filter(pulse => pulse !== null && pulse > 100).to('fast')
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 120, timestamp: 1000 })
   * console.log(await driver.read('fast', serdes))
   * // → [ { key: 'anna', value: 120, timestamp: 1000, headers: [] } ]
   * ```
   */
  to(topic: string, serdes?: Serdes<K, V>): void
  /**
   * Writes each record to the topic that a function of it names.
   * @param serdes.topics those it may name; they must exist
   * @throws TickerError TOPOLOGY_SERDE_MISSING, TOPOLOGY_TOPIC_MISSING; SINK_TOPIC_UNKNOWN when it runs; LOG_UNKNOWN_TOPIC when started
   *
   * @example
   * ```ts
   * const serdes = { key: string, value: long }
   * builder
   *   .stream('pulses', serdes)
   *   .to(pulse => (pulse !== null && pulse > 100 ? 'fast' : 'slow'), { topics: ['fast', 'slow'] })
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 120, timestamp: 1000 })
   * console.log((await driver.read('fast', serdes)).length, (await driver.read('slow', serdes)).length)
   * // → 1 0
   * ```
   */
  to(topic: (value: V, key: K) => string, serdes: Serdes<K, V> & { topics: readonly string[] }): void
  to(
    topic: string | ((value: V, key: K) => string),
    options: Serdes<K, V> & { topics?: readonly string[] } = {},
  ): void {
    const topics = typeof topic === 'string' ? [topic] : (options.topics ?? [])
    if (topics.length === 0)
      throw new TickerError('TOPOLOGY_TOPIC_MISSING', `a sink after ${this.from.node} names no topic`)
    for (const each of topics) checkName(each, 'topic')
    const name = this.builder.sinkName(topics)
    const { key, value } = this.#serdes(name, options)
    const chosen = typeof topic === 'string' ? undefined : topic
    this.builder.add({ kind: 'sink', name, inputs: [this.from], topics, topic: chosen, key, value })
  }

  /** Where this stream's records are partitioned by the key they have: here, or behind a repartition topic of this name. */
  #partitioned(name: string, serdes: Serdes<K, V>): { from: Output; known: Known<NonNullable<K>, V> } {
    const stream = this.known.keyChanged ? this.#repartition(name, serdes, true) : this
    return { from: stream.from, known: { ...stream.known, ...withoutUndefined(serdes) } }
  }

  #repartition(
    name: string,
    options: Serdes<K, V> & { partitions?: number },
    isImplied: boolean,
  ): KStream<K, V> {
    checkName(name, 'repartition topic')
    const { partitions } = options
    const { key, value } = this.#serdes(name, options)
    const node = { name: `${name}-repartition`, inputs: [this.from], key, value, partitions, isImplied }
    return this.follow<K, V>({ kind: 'repartition', ...node }, { key, value, keyChanged: false })
  }

  #serdes(
    name: string,
    given: Serdes<K, V>,
  ): { key: NonNullable<Known<K, V>['key']>; value: NonNullable<Known<K, V>['value']> } {
    const key = given.key ?? this.known.key
    const value = given.value ?? this.known.value
    if (key === undefined || value === undefined) {
      const missing = key === undefined ? 'key' : 'value'
      throw new TickerError(
        'TOPOLOGY_SERDE_MISSING',
        `${name}: it is not known how the ${missing} is serialized here`,
      )
    }
    return { key, value }
  }

  #with(stores: StoreHandles): Output[] {
    return [this.from, ...Object.values(stores).map(store => store.output)]
  }

  protected override at(from: Output): KStream<K, V> {
    return new KStream<K, V>(this.builder, from, this.known)
  }

  protected override follow<L, R>(node: GraphNode, known: Known<L, R>): KStream<L, R> {
    return new KStream<L, R>(this.builder, this.builder.add(node), known)
  }
}

function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T // a part of T's optional fields
}

function outputs(stores: StoreHandles): Readonly<Record<string, Output>> {
  return Object.fromEntries(Object.entries(stores).map(([name, store]) => [name, store.output]))
}
