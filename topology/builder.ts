/** Where a topology begins: sources, and the list of nodes that the handles add to. */
import { TickerError } from './errors.ts'
import { GlobalTable } from './global-table.ts'
import { checkName, type Graph, type GraphNode, type Output, validate } from './graph.ts'
import { materialize } from './materialization.ts'
import type { WindowAggregateNode } from './nodes/aggregations.ts'
import type { TaskStateStore } from './operators/context.ts'
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

/** Collects the nodes. One builder makes one topology. */
export class TopologyBuilder {
  readonly #nodes: GraphNode[] = []

  /**
   * Reads one topic or several. Records without a key or a value are handed on, as in Kafka Streams. Records that cannot be
   * decoded, that `validate` finds wrong, or that have no usable event time go to the dead-letter topic with the reason in
   * their headers; they never stop the job.
   * @throws TickerError TOPOLOGY_SOURCE_TAKEN when built, if a topic is read already
   */
  stream<K extends NonNullable<unknown>, V extends NonNullable<unknown>>(
    topic: string | readonly string[],
    options: SourceOptions<K, V>,
  ): KStream<K | null, V | null> {
    const topics = typeof topic === 'string' ? [topic] : topic
    for (const each of topics) checkName(each, 'topic')
    const { key, value, timestamp, validate: check } = options
    const out = this.add({
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
    return new KStream<K | null, V | null>(this, out, { key, value, keyChanged: false })
  }

  /**
   * Reads a topic as a table that every node holds completely, in memory, whatever the topic's number of partitions: for
   * `join` and `leftJoin` of streams. Contents are read to the topic's end before any record is processed, and followed
   * from then on; records without a key are passed over, one without a value deletes. No changelog is created.
   * @param options.store names the contents
   * @throws TickerError TOPOLOGY_SOURCE_TAKEN when built, if the topic is read already
   */
  globalTable<K extends NonNullable<unknown>, V extends NonNullable<unknown>>(
    topic: string,
    options: { store: string; key: Serde<K>; value: Serde<V> },
  ): GlobalTable<K, V> {
    checkName(topic, 'topic')
    checkName(options.store, 'store')
    const { store, key, value } = options
    const { node } = this.add({
      kind: 'globalTable',
      name: `global-${topic}`,
      inputs: [],
      topic,
      store,
      key,
      value,
    })
    return new GlobalTable<K, V>(node)
  }

  /**
   * Reads a topic as a table: each record is its key's newest value, one without a value deletes it; records without a key
   * are dropped. The last record to arrive counts, whatever its timestamp. Otherwise as `stream`.
   * @param options.store without it the contents are kept only if what follows needs them, in a store `table-<topic>`
   */
  table<K extends NonNullable<unknown>, V extends NonNullable<unknown>>(
    topic: string,
    options: SourceOptions<K, V> & TableSourceOptions,
  ): KTable<K, V> {
    const { store, historyRetention, ...source } = options
    return this.stream(topic, source).toTable(`table-${topic}`, { store, historyRetention })
  }

  /**
   * Declares a store for processors, one per task, with a changelog topic: any of the typed stores, or one of the
   * application's own. Processors that share it run in one sub-topology.
   * `builder.store('sums', name => new KeyValueStore({ name, key: string, value: long }))`
   */
  store<S extends TaskStateStore>(name: string, make: (name: string) => S): StoreHandle<S> {
    checkName(name, 'store')
    return { name, output: this.add({ kind: 'store', name: `${name}-store`, inputs: [], store: name, make }) }
  }

  /** The topology as plain data, checked. @throws TickerError with a TOPOLOGY_ code */
  build(): Graph {
    const graph = { nodes: materialize(this.#nodes) }
    validate(graph)
    checkRepartitions(graph)
    return graph
  }

  /** For the handles: adds a node and answers with its main output. */
  add(node: GraphNode): Output {
    this.#nodes.push(node)
    return { node: node.name, output: 'out' }
  }

  /** For the handles: a name for a sink; a topic may be written to from several places. */
  sinkName(topics: readonly string[]): string {
    const name = `sink-${nameOf(topics)}`
    const others = this.#nodes.filter(node => node.kind === 'sink' && nameOf(node.topics) === nameOf(topics))
    return others.length === 0 ? name : `${name}-${others.length + 1}`
  }

  /**
   * For the handles: milliseconds after its end until a window of this table is final.
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

  /** For the handles: a name for a stateless node. */
  nextName(kind: string): string {
    return `${kind}-${this.#nodes.filter(node => node.kind === kind).length + 1}`
  }
}

/** The first of them stands for all. */
function nameOf(topics: readonly string[]): string {
  return topics.length > 1 ? `${topics[0]}-and-${topics.length - 1}-more` : `${topics[0]}`
}
