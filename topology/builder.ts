/** Where a topology begins: sources, and the list of nodes that the handles add to. */
import { TickerError } from './errors.ts'
import { GlobalTable } from './global-table.ts'
import { checkName, type Graph, type GraphNode, type Output, validate } from './graph.ts'
import { materialize } from './materialization.ts'
import type { WindowAggregateNode } from './nodes/aggregations.ts'
import { isProcessor } from './nodes/processors.ts'
import type { TaskStateStore } from './operators/context.ts'
import { optimized } from './optimization.ts'
import { checkRepartitions } from './plan.ts'
import type { StoreHandle } from './processor.ts'
import type { StreamRecord } from './record.ts'
import type { Serde } from './serde.ts'
import { KStream, type TableSourceOptions } from './stream.ts'
import type { KTable } from './table.ts'
import { timeToClose } from './windows.ts'

export interface SourceOptions<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Event time of a record, milliseconds since the epoch; the record's own timestamp if absent. */
  readonly timestamp?: ((value: V | null, record: StreamRecord) => number) | PartitionTimeExtractor<V>
  /**
   * Says what is wrong with a decoded record, if anything is: it then goes to the dead-letter topic. Not called for a
   * record without a value.
   */
  readonly validate?: (value: V, record: StreamRecord) => string | undefined
}

/**
 * Event time that also depends on the *partition time*: the greatest event time of the partition so far, -1 before the
 * first. It is kept in a store, so that a restart goes on with it.
 */
export interface PartitionTimeExtractor<V> {
  extract(value: V | null, record: StreamRecord, partitionTime: number): number
}

/** How what is grouped, joined or written to an internal topic is serialized, where a stream no longer knows it. */
export interface Serdes<K, V> {
  readonly key?: Serde<NonNullable<K>>
  readonly value?: Serde<NonNullable<V>>
}

/** What a handle knows of its stream's records. */
export interface Known<K, V> extends Serdes<K, V> {
  /** Records may have another key than the one they are partitioned by: grouping and joining repartitions them first. */
  readonly keyChanged: boolean
}

export interface BuildOptions {
  /**
   * `all`: streams that get a new key once and are repartitioned by it several times share one repartition topic, named after
   * the first of them. A table read straight from a topic, with its records' own timestamps and without `validate`, has
   * that topic for its changelog: it must keep the newest record of each key (`cleanup.policy=compact`), a standby has no
   * copy of it, and a record that a failure handler skips or dead-letters behind the table is in it after a restore.
   * `describe` shows both. Results are the same, but not the names of internal topics, so an application that has run is
   * reset before it is built otherwise.
   */
  readonly optimize?: 'all'
}

/**
 * Collects the nodes. One builder makes one topology: what is made with one cannot be joined or merged with what is made
 * with another (TOPOLOGY_FOREIGN).
 */
export class TopologyBuilder {
  readonly #nodes: GraphNode[] = []
  /** Those of its nodes. A handle of another builder has others, even if they are named alike. */
  readonly #outputs = new WeakSet<Output>()
  /** What streams were asked for, and what they read. */
  readonly #streams: { topics: readonly string[]; options: Source; out: Output }[] = []

  /**
   * Reads one topic or several; asked again for the same ones, read in the same way, it answers with the same stream.
   * Records without a key or a value are handed on, as in Kafka Streams. Records that cannot be decoded, that `validate`
   * finds wrong, or that have no usable event time go to the dead-letter topic with the reason in their headers; they
   * never stop the job. Creates no topic but that one, `<application>-dead-letters`.
   * @throws TickerError TOPOLOGY_SOURCE_TAKEN when built, if a topic is read otherwise, too; LOG_UNKNOWN_TOPIC when started
   *
   * @example
   * ```ts
   * builder
   *   .stream(['watches', 'phones'], {
   *     key: string,
   *     value: json<{ pulse: number; taken: number }>(),
   *     timestamp: (reading, record) => reading?.taken ?? record.timestamp,
   *     validate: reading => (reading.pulse > 0 ? undefined : 'nobody has such a pulse'),
   *   })
   *   .forEach((reading, device, timestamp) => console.log(device, reading?.pulse, timestamp))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('watches', { key: 'anna', value: { pulse: 90, taken: 1000 }, timestamp: 5000 })
   * await driver.pipe('phones', { key: 'bert', value: { pulse: -1, taken: 1000 }, timestamp: 5000 })
   * // → anna 90 1000
   * const [letter] = await driver.read('test-dead-letters', { key: string, value: json() })
   * console.log(letter?.key)
   * // → bert
   * ```
   */
  stream<K extends NonNullable<unknown>, V extends NonNullable<unknown>>(
    topic: string | readonly string[],
    options: SourceOptions<K, V>,
  ): KStream<K | null, V | null> {
    const topics = typeof topic === 'string' ? [topic] : topic
    if (topics.length === 0) throw new TickerError('TOPOLOGY_TOPIC_MISSING', 'a source names no topic')
    const { key, value } = options
    const known = this.#streams.find(other => isSameSource(other, topics, options))
    const out = known?.out ?? this.#source(topics, options)
    if (known === undefined) this.#streams.push({ topics, options, out })
    return new KStream<K | null, V | null>(this, out, { key, value, keyChanged: false })
  }

  #source<K, V>(topics: readonly string[], options: SourceOptions<K, V>): Output {
    for (const each of topics) checkName(each, 'topic')
    const { key, value, timestamp, validate: check } = options
    return this.add({
      kind: 'source',
      name: `source-${nameOf(topics)}`,
      inputs: [],
      topics,
      key,
      value,
      timestamp:
        typeof timestamp === 'object'
          ? (value: V | null, record: StreamRecord, partitionTime: number) =>
              timestamp.extract(value, record, partitionTime)
          : timestamp,
      readsPartitionTime: typeof timestamp === 'object',
      validate: check,
    })
  }

  /**
   * Reads a topic as a table that every node holds completely, in memory, whatever the topic's number of partitions: for
   * `join` and `leftJoin` of streams. Contents are read to the topic's end before any record is processed, and followed
   * from then on, whatever their timestamps; records without a key are passed over, one without a value deletes. No
   * changelog is created.
   * @param options.store names the contents
   * @throws TickerError TOPOLOGY_SOURCE_TAKEN when built, if the topic is read already; LOG_UNKNOWN_TOPIC when started
   *
   * @example
   * ```ts
   * const countries = builder.globalTable('countries', { key: string, value: string, store: 'countries' })
   * builder
   *   .stream('orders', { key: long, value: string })
   *   .join('named', countries, (_, country) => country, { tableKey: code => code })
   *   .forEach((country, order) => console.log(order, country))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('countries', { key: 'at', value: 'Austria', timestamp: 0 })
   * await driver.pipe('orders', { key: 7, value: 'at', timestamp: 0 })
   * // → 7 Austria
   * ```
   */
  globalTable<K extends NonNullable<unknown>, V extends NonNullable<unknown>>(
    topic: string,
    options: { store: string; key: Serde<K>; value: Serde<V> },
  ): GlobalTable<K, V> {
    checkName(topic, 'topic')
    checkName(options.store, 'store')
    const { store, key, value } = options
    const from = this.add({
      kind: 'globalTable',
      name: `global-${topic}`,
      inputs: [],
      topic,
      store,
      key,
      value,
    })
    return new GlobalTable<K, V>(from)
  }

  /**
   * Reads a topic as a table: each record is its key's newest value, one without a value deletes it; records without a key
   * are dropped. The last record to arrive counts, whatever its timestamp; with `historyRetention` the one with the
   * greatest timestamp does. Otherwise as `stream`. Creates the store with its changelog topic, if there is one.
   * @param options.store without it the contents are kept only if what follows needs them, in a store `table-<topic>`
   * @throws TickerError TOPOLOGY_SOURCE_TAKEN when built, if the topic is read already; LOG_UNKNOWN_TOPIC when started
   *
   * @example
   * ```ts
   * builder
   *   .table('rooms', { key: string, value: string })
   *   .toStream()
   *   .forEach((room, person) => console.log(person, room))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('rooms', { key: 'anna', value: 'kitchen', timestamp: 0 })
   * await driver.pipe('rooms', { key: 'anna', value: null, timestamp: 1 })
   * // → anna kitchen
   * // → anna null
   * ```
   */
  table<K extends NonNullable<unknown>, V extends NonNullable<unknown>>(
    topic: string,
    options: SourceOptions<K, V> & TableSourceOptions,
  ): KTable<K, V> {
    const { store, historyRetention, ...source } = options
    const { key, value } = source
    const out = this.#source([topic], source)
    const stream = new KStream<K | null, V | null>(this, out, { key, value, keyChanged: false })
    return stream.toTable(`table-${topic}`, { store, historyRetention })
  }

  /**
   * Declares a store for processors, one per task, with a changelog topic: any of the typed stores, or one of the
   * application's own. Processors that share it run in one sub-topology.
   * @param make is given the name; called once here, and once for each task
   * @throws TickerError TOPOLOGY_STORE_MISNAMED; TOPOLOGY_STORE_UNUSED when built, if no processor is connected with it
   *
   * @example
   * ```ts
   * const seen = builder.store('seen', name => new KeyValueStore({ name, key: string, value: long }))
   * builder
   *   .stream('ids', { key: string, value: long })
   *   .process<string, number, { seen: typeof seen }>('first', {
   *     stores: { seen },
   *     processor: ({ stores, forward }) => ({ key, value, timestamp }) => {
   *       if (key === null || value === null || stores.seen.get(key) !== undefined) return
   *       stores.seen.put(key, value, timestamp)
   *       forward({ key, value })
   *     },
   *   })
   *   .forEach((value, id) => console.log(id, value))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('ids', { key: 'a', value: 1, timestamp: 0 })
   * await driver.pipe('ids', { key: 'a', value: 2, timestamp: 1 })
   * // → a 1
   * ```
   */
  store<S extends TaskStateStore>(name: string, make: (name: string) => S): StoreHandle<S> {
    checkName(name, 'store')
    const made = make(name).name
    if (made !== name)
      throw new TickerError('TOPOLOGY_STORE_MISNAMED', `${name}: the store made is named ${made}`)
    return { name, output: this.add({ kind: 'store', name: `${name}-store`, inputs: [], store: name, make }) }
  }

  /**
   * The topology as plain data, checked.
   * @throws TickerError with a TOPOLOGY_ code; its message names the operator, its `remedy` says what to write instead
   *
   * @example
   * ```ts
   * builder.stream('in', { key: string, value: string }).to('out')
   * console.log(describe(builder.build()).trimEnd())
   * // → Topologies:
   * // →    Sub-topology: 0
   * // →     Source: source-in (topics: [in])
   * // →       --> sink-out
   * // →     Sink: sink-out (topic: out)
   * // →       <-- source-in
   * ```
   */
  build({ optimize }: BuildOptions = {}): Graph {
    const nodes = materialize(this.#nodes)
    const graph = { nodes: optimize === 'all' ? optimized(nodes) : nodes }
    validate(graph)
    checkRepartitions(graph)
    return graph
  }

  /** Adds a node and answers with its main output. @internal */
  add(node: GraphNode): Output {
    for (const [i, input] of node.inputs.entries()) {
      if (i > 0 && isProcessor(node) && !this.#outputs.has(input))
        throw new TickerError('TOPOLOGY_UNKNOWN_STORE', `${node.name}: ${input.node} is not of this topology`)
      this.owned(node.name, input)
    }
    this.#nodes.push(node)
    return this.output(node.name, 'out')
  }

  /** An output of a node of this topology. @internal */
  output(node: string, output: string): Output {
    const made = { node, output }
    this.#outputs.add(made)
    return made
  }

  /** What an operator is to follow, if it is of this topology. @internal */
  owned(name: string, output: Output): Output {
    if (this.#outputs.has(output)) return output
    throw new TickerError('TOPOLOGY_FOREIGN', `${name}: ${output.node} is of another TopologyBuilder`)
  }

  /** A name for a sink; a topic may be written to from several places. @internal */
  sinkName(topics: readonly string[]): string {
    const name = `sink-${nameOf(topics)}`
    const others = this.#nodes.filter(node => node.kind === 'sink' && nameOf(node.topics) === nameOf(topics))
    return others.length === 0 ? name : `${name}-${others.length + 1}`
  }

  /**
   * Milliseconds after its end until a window of this table is final.
   * @internal
   * @throws TickerError TOPOLOGY_SUPPRESS_INVALID if it has no windows, or they have a clock per key
   */
  timeToClose(name: string, { node }: Output): number {
    const windowed = this.#windowsBefore(node)
    if (windowed.length === 0)
      throw new TickerError('TOPOLOGY_SUPPRESS_INVALID', `${name}: the table before it has no windows`)
    if (windowed.some(each => each.clock === 'perKey'))
      throw new TickerError(
        'TOPOLOGY_SUPPRESS_INVALID',
        `${name}: the windows before it close by each key's own time`,
      )
    return Math.max(...windowed.map(each => timeToClose(each.windows)))
  }

  /** The windowed aggregations nearest to a node. */
  #windowsBefore(name: string): readonly WindowAggregateNode[] {
    const node = this.#nodes.find(each => each.name === name)
    if (node?.kind === 'windowAggregate') return [node]
    return (node?.inputs ?? []).flatMap(input => this.#windowsBefore(input.node))
  }

  /** A name for a stateless node. @internal */
  nextName(kind: string): string {
    return `${kind}-${this.#nodes.filter(node => node.kind === kind).length + 1}`
  }
}

/** How a source reads, whatever the types of its records. */
interface Source {
  readonly key: { readonly name: string }
  readonly value: { readonly name: string }
  readonly timestamp?: unknown
  readonly validate?: unknown
}

function isSameSource(
  { topics, options }: { topics: readonly string[]; options: Source },
  otherTopics: readonly string[],
  other: Source,
): boolean {
  return (
    topics.length === otherTopics.length &&
    topics.every(topic => otherTopics.includes(topic)) &&
    options.key.name === other.key.name &&
    options.value.name === other.value.name &&
    options.timestamp === other.timestamp &&
    options.validate === other.validate
  )
}

/** The first of them stands for all. */
function nameOf(topics: readonly string[]): string {
  return topics.length > 1 ? `${topics[0]}-and-${topics.length - 1}-more` : `${topics[0]}`
}
