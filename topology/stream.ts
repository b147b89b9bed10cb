/**
 * The DSL: typed, immutable handles over a graph of plain data (graph.ts). A handle names an output of a node; calling an
 * operator adds a node to the builder's graph and answers with a handle of its output.
 *
 * Stateful operators take a name, because a state directory and a changelog topic must not depend on how many operators
 * were declared before. Stateless ones are numbered.
 */
import { batching, type MapBatchOptions } from './batching.ts'
import type { Known, Serdes, TopologyBuilder } from './builder.ts'
import { type Duration, milliseconds } from './duration.ts'
import { TickerError } from './errors.ts'
import { GlobalTable } from './global-table.ts'
import { checkName, type GraphNode, type Output } from './graph.ts'
import { GroupedStream } from './grouped.ts'
import {
  type GlobalJoined,
  type Joiner,
  type JoinOptions,
  joinsGlobally,
  joinsStreams,
  joinsTable,
  type Keeps,
  type StreamJoined,
  type TableJoined,
} from './joined.ts'
import type { Headers } from './log/log.ts'
import type { ProcessorOptions, StoreHandles, ValueProcessorOptions } from './processor.ts'
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
 * the record.
 */
export class KStream<K, V> {
  readonly #builder: TopologyBuilder
  readonly #from: Output
  readonly #known: Known<K, V>

  constructor(builder: TopologyBuilder, from: Output, known: Known<K, V>) {
    this.#builder = builder
    this.#from = from
    this.#known = known
  }

  /** Hands on the records for which the predicate holds. */
  filter<R extends V>(predicate: (value: V, key: K) => value is R): KStream<K, R>
  filter(predicate: (value: V, key: K) => boolean): KStream<K, V>
  filter(predicate: (value: V, key: K) => boolean): KStream<K, V> {
    return this.#follow(
      { kind: 'filter', name: this.#name('filter'), inputs: [this.#from], predicate },
      this.#known,
    )
  }

  /** Hands on the records for which the predicate does not hold. */
  filterNot(predicate: (value: V, key: K) => boolean): KStream<K, V> {
    return this.filter((value, key) => !predicate(value, key))
  }

  /** Another value for each record. The key stays, so what was partitioned stays partitioned. */
  mapValues<R>(mapper: (value: V, key: K) => R, options: { name?: string } = {}): KStream<K, R> {
    const name = options.name ?? this.#name('mapValues')
    const { key, keyChanged } = this.#known
    return this.#follow<K, R>({ kind: 'mapValues', name, inputs: [this.#from], mapper }, { key, keyChanged })
  }

  /** Another key and value for each record: grouping or joining what comes out repartitions it. */
  map<L, R>(
    mapper: (value: V, key: K) => readonly [key: L, value: R],
    serdes: Serdes<L, R> = {},
  ): KStream<L, R> {
    return this.flatMap((value, key) => [mapper(value, key)], serdes)
  }

  /** Another key for each record: grouping or joining what comes out repartitions it. */
  selectKey<L>(mapper: (value: V, key: K) => L, serdes: { key?: Serdes<L, V>['key'] } = {}): KStream<L, V> {
    return this.map((value, key) => [mapper(value, key), value], {
      key: serdes.key,
      value: this.#known.value,
    })
  }

  /** Any number of records for each one, with other keys: grouping or joining what comes out repartitions it. */
  flatMap<L, R>(
    mapper: (value: V, key: K) => Iterable<readonly [key: L, value: R]>,
    serdes: Serdes<L, R> = {},
  ): KStream<L, R> {
    return this.#follow<L, R>(
      { kind: 'flatMap', name: this.#name('flatMap'), inputs: [this.#from], mapper },
      { ...serdes, keyChanged: true },
    )
  }

  /** Any number of values for each record; the key stays. */
  flatMapValues<R>(mapper: (value: V, key: K) => Iterable<R>): KStream<K, R> {
    const { key, keyChanged } = this.#known
    return this.#follow<K, R>(
      { kind: 'flatMapValues', name: this.#name('flatMapValues'), inputs: [this.#from], mapper },
      { key, keyChanged },
    )
  }

  /** Looks at each record and hands it on unchanged. The action must not keep or change the value. */
  peek(action: (value: V, key: K, timestamp: number, headers: Headers) => void): KStream<K, V> {
    return this.#follow({ kind: 'peek', name: this.#name('peek'), inputs: [this.#from], action }, this.#known)
  }

  /** Ends here: each record is looked at. */
  forEach(action: (value: V, key: K, timestamp: number, headers: Headers) => void): void {
    this.peek(action)
  }

  /** Both streams' records, each in its own order. */
  merge(other: KStream<K, V>): KStream<K, V> {
    const keyChanged = this.#known.keyChanged || other.#known.keyChanged
    return this.#follow(
      { kind: 'merge', name: this.#name('merge'), inputs: [this.#from, other.#from] },
      { ...this.#known, keyChanged },
    )
  }

  /**
   * Named branches: a record goes to the first one whose predicate holds, else nowhere.
   * `split('confidence', { sure: p => p.margin > 0.2, unsure: () => true })` answers with one stream a name.
   */
  split<B extends string>(
    name: string,
    branches: Readonly<Record<B, (value: V, key: K) => boolean>>,
  ): Readonly<Record<B, KStream<K, V>>> {
    const names = Object.keys(branches) as B[] // Object.keys forgets the type it was given
    this.#builder.add({
      kind: 'split',
      name,
      inputs: [this.#from],
      branches: names.map(output => ({ output, predicate: branches[output] })),
    })
    const streams = names.map(
      output => [output, new KStream<K, V>(this.#builder, { node: name, output }, this.#known)] as const,
    )
    return Object.fromEntries(streams) as Record<B, KStream<K, V>> // as above
  }

  /**
   * Writes the stream to an internal topic (`<application>-<name>-repartition`) and reads it again, so that records are
   * where their key belongs. Records without a key are dropped, unless a left or outer join follows.
   * @param options.partitions of the topic; as many as the topics this stream comes from, if absent
   */
  repartition(name: string, options: Serdes<K, V> & { partitions?: number } = {}): KStream<K, V> {
    checkName(name, 'repartition topic')
    if (
      options.partitions !== undefined &&
      !(Number.isInteger(options.partitions) && options.partitions > 0)
    ) {
      throw new TickerError('TOPOLOGY_PARTITIONS_INVALID', `${name}: ${options.partitions} partitions`)
    }
    const { key, value } = this.#serdes(name, options)
    return this.#follow<K, V>(
      {
        kind: 'repartition',
        name: `${name}-repartition`,
        inputs: [this.#from],
        key,
        value,
        partitions: options.partitions,
      },
      { key, value, keyChanged: false },
    )
  }

  /**
   * Takes each record as its key's newest value; one without a value deletes it. Records without a key are dropped. The
   * last record to arrive counts, whatever its timestamp.
   * @param name of the operator, and of a repartition topic if the key may have changed
   * @param options.store without it the contents are kept only if what follows needs them, in a store `name`
   */
  toTable(
    name: string,
    options: Serdes<K, V> & TableSourceOptions = {},
  ): KTable<NonNullable<K>, NonNullable<V>> {
    checkName(name, 'table')
    const { store, historyRetention, ...serdes } = options
    const { from } = this.#partitioned(name, serdes)
    const { key, value } = this.#serdes(name, serdes)
    const table = this.#builder.add({
      kind: 'tableSource',
      name,
      inputs: [from],
      store: {
        name: store ?? name,
        key,
        value,
        history: historyRetention === undefined ? undefined : milliseconds(historyRetention),
      },
      materialized: store !== undefined || historyRetention !== undefined,
    })
    return new KTable<NonNullable<K>, NonNullable<V>>(this.#builder, {
      from: table,
      known: { key, value, keyChanged: false },
    })
  }

  /** Groups by the key the records have. Records without a key are dropped by what follows. */
  groupByKey(serdes: Serdes<K, V> = {}): GroupedStream<NonNullable<K>, V> {
    return new GroupedStream<NonNullable<K>, V>(this.#builder, name => this.#partitioned(name, serdes))
  }

  /** Groups by another key, which always repartitions. Records whose new key is null are dropped. */
  groupBy<L>(mapper: (value: V, key: K) => L, serdes: Serdes<L, V> = {}): GroupedStream<NonNullable<L>, V> {
    return this.selectKey(mapper, { key: serdes.key }).groupByKey(serdes)
  }

  /** A name for this place: a processor before it can forward to it alone. */
  named(name: string): KStream<K, V> {
    return this.#follow({ kind: 'named', name, inputs: [this.#from] }, this.#known)
  }

  /**
   * An operator of the application's own (processor.ts): told its context once per task, then called with each record. What
   * it forwards is the resulting stream; it may have other keys, so grouping or joining it repartitions it. It may keep
   * state in stores declared with `TopologyBuilder.store`, and be called back as time passes (`schedule`); what throws ends
   * the node. Creates no topic, but the clocks of its sub-topology are kept in a store
   * (`<application>-<first source topic>-clocks-changelog`).
   * @param options.key how the forwarded keys are serialized, `options.value` the values: where what follows needs it
   */
  process<L = K, R = V, H extends StoreHandles = StoreHandles>(
    name: string,
    options: ProcessorOptions<K, V, L, R, H>,
  ): KStream<L, R> {
    const { processor, stores = {}, key, value } = options
    return this.#follow<L, R>(
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

  /** The same for values: what it forwards keeps the key of the record at hand, so that what was partitioned stays so. */
  processValues<R = V, H extends StoreHandles = StoreHandles>(
    name: string,
    options: ValueProcessorOptions<K, V, R, H>,
  ): KStream<K, R> {
    const { processor, stores = {}, value } = options
    return this.#follow<K, R>(
      {
        kind: 'processValues',
        name,
        inputs: this.#with(stores),
        stores: outputs(stores),
        processor,
      },
      { key: this.#known.key, value, keyChanged: this.#known.keyChanged },
    )
  }

  /**
   * Joins records of two streams that have the same key and are within a window of event time: a record at t meets those of
   * `other` from t - before to t + after, each pair once, by ascending time. A result has the greater timestamp of the two,
   * and the headers of the one that came later. Records without a key or a value are dropped.
   *
   * Creates the stores `<name>-left` and `<name>-right` with their changelogs, which forget what is before + after + grace
   * behind their newest record. A stream whose key may have changed is repartitioned first
   * (`<name>-left-repartition`, `<name>-right-repartition`).
   * @throws TickerError TOPOLOGY_JOIN_WINDOW_INVALID, TOPOLOGY_SERDE_MISSING; TOPOLOGY_NOT_COPARTITIONED when started
   */
  join<W, R>(
    name: string,
    other: KStream<K | null, W>,
    joiner: (left: NonNullable<V>, right: NonNullable<W>, key: NonNullable<K>) => R,
    options: StreamJoined<K, V, W>,
  ): KStream<NonNullable<K>, R>
  /**
   * Joins each record with what a global table holds, at that moment, for the key that `tableKey` gives; those for which it
   * holds nothing are dropped, and those without a value. Keeps no state and needs no repartitioning.
   */
  /**
   * Joins each record with what a table holds for its key when the record is processed; those for which it holds nothing
   * are dropped, and those without a key or a value. Only this stream's records come out, with their own timestamps and
   * headers. Of a table with `historyRetention` it is what the table held at the record's time.
   *
   * Keeps no state, unless there is a grace: then records wait in the store `<name>-buffer`, with its changelog, until
   * the greatest timestamp that came to it is so much ahead, and come out in order of time; one that is older comes out
   * at once. A stream whose key may have changed is repartitioned first (`<name>-repartition`).
   * @throws TickerError TOPOLOGY_SERDE_MISSING, TOPOLOGY_JOIN_GRACE_INVALID; TOPOLOGY_NOT_COPARTITIONED when started
   */
  join<W, R>(
    name: string,
    table: KTable<NonNullable<K>, W>,
    joiner: (value: NonNullable<V>, found: W, key: NonNullable<K>) => R,
    options?: TableJoined<K, V>,
  ): KStream<NonNullable<K>, R>
  join<L, W, R>(
    name: string,
    table: GlobalTable<L, W>,
    joiner: (value: NonNullable<V>, found: W, key: K) => R,
    options: GlobalJoined<K, V, L>,
  ): KStream<K, R>
  join(
    name: string,
    other: Joinable,
    joiner: Joiner,
    options: JoinOptions<K, V> = {},
  ): KStream<unknown, unknown> {
    return this.#join(name, { left: false, right: false }, other, joiner, options)
  }

  /**
   * As `join`, and this stream's records that meet nothing come out too, joined with null: in a join of streams when their
   * window, with the grace, is over in the join's stream time (the greatest timestamp of both streams), with their own
   * timestamps, in order of time. Records without a key come out at once. A join of streams creates the store
   * `<name>-unmatched` for them.
   */
  leftJoin<W, R>(
    name: string,
    other: KStream<K | null, W>,
    joiner: (left: NonNullable<V>, right: NonNullable<W> | null, key: K) => R,
    options: StreamJoined<K, V, W>,
  ): KStream<K, R>
  leftJoin<W, R>(
    name: string,
    table: KTable<NonNullable<K>, W>,
    joiner: (value: NonNullable<V>, found: W | null, key: K) => R,
    options?: TableJoined<K, V>,
  ): KStream<K, R>
  leftJoin<L, W, R>(
    name: string,
    table: GlobalTable<L, W>,
    joiner: (value: NonNullable<V>, found: W | null, key: K) => R,
    options: GlobalJoined<K, V, L>,
  ): KStream<K, R>
  leftJoin(
    name: string,
    other: Joinable,
    joiner: Joiner,
    options: JoinOptions<K, V> = {},
  ): KStream<unknown, unknown> {
    return this.#join(name, { left: true, right: false }, other, joiner, options)
  }

  /** As `leftJoin`, and the records of `other` that meet nothing come out too, joined with null. */
  outerJoin<W, R>(
    name: string,
    other: KStream<K | null, W>,
    joiner: (left: NonNullable<V> | null, right: NonNullable<W> | null, key: K) => R,
    options: StreamJoined<K, V, W>,
  ): KStream<K, R>
  outerJoin(
    name: string,
    other: Joinable,
    joiner: Joiner,
    options: JoinOptions<K, V> = {},
  ): KStream<unknown, unknown> {
    return this.#join(name, { left: true, right: true }, other, joiner, options)
  }

  #join(
    name: string,
    keeps: Keeps,
    other: Joinable,
    joiner: Joiner,
    options: JoinOptions<K, V>,
  ): KStream<unknown, unknown> {
    checkName(name, 'join')
    if (other instanceof GlobalTable) {
      const node = joinsGlobally(name, keeps, this.#from, other, joiner, options.tableKey)
      return this.#follow<K, unknown>(node, { key: this.#known.key, keyChanged: this.#known.keyChanged })
    }
    if (other instanceof KTable) {
      const at = this.#partitioned(name, { key: options.key, value: options.value })
      const node = joinsTable(name, keeps, at, other, joiner, options.grace)
      return this.#follow<unknown, unknown>(node, { key: at.known.key ?? other.known.key, keyChanged: false })
    }
    const left = this.#partitioned(`${name}-left`, { key: options.key, value: options.value })
    const right = other.#partitioned(`${name}-right`, { key: options.key, value: options.otherValue })
    const node = joinsStreams(name, keeps, left, right, joiner, options)
    return this.#follow<unknown, unknown>(node, {
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
   * first results that rest on it.
   */
  mapBatch<R, D = undefined>(
    name: string,
    mapper: (values: readonly NonNullable<V>[], context: { readonly recorded: D }) => Promise<readonly R[]>,
    options: MapBatchOptions<D> = {},
  ): KStream<K, R> {
    const { key, keyChanged } = this.#known
    const { recorded } = options
    const inputs = [this.#from]
    return this.#follow<K, R>(
      { kind: 'mapBatch', name, inputs, ...batching(name, options), recorded, mapper },
      { key, keyChanged },
    )
  }

  /**
   * Writes to a topic, partitioned by the key as Kafka's own clients do (murmur2). The topic must exist. Where `topic` is a
   * function of the record, name the topics it may answer with.
   */
  to(topic: string, serdes?: Serdes<K, V>): void
  to(topic: (value: V, key: K) => string, serdes: Serdes<K, V> & { topics: readonly string[] }): void
  to(
    topic: string | ((value: V, key: K) => string),
    options: Serdes<K, V> & { topics?: readonly string[] } = {},
  ): void {
    const topics = typeof topic === 'string' ? [topic] : (options.topics ?? [])
    for (const each of topics) checkName(each, 'topic')
    const name = this.#builder.sinkName(topics)
    const { key, value } = this.#serdes(name, options)
    const chosen = typeof topic === 'string' ? undefined : topic
    this.#builder.add({ kind: 'sink', name, inputs: [this.#from], topics, topic: chosen, key, value })
  }

  /** Where this stream's records are partitioned by the key they have: here, or behind a repartition topic of this name. */
  #partitioned(name: string, serdes: Serdes<K, V>): { from: Output; known: Known<NonNullable<K>, V> } {
    const stream = this.#known.keyChanged ? this.repartition(name, serdes) : this
    return { from: stream.#from, known: { ...stream.#known, ...withoutUndefined(serdes) } }
  }

  #serdes(
    name: string,
    given: Serdes<K, V>,
  ): { key: NonNullable<Known<K, V>['key']>; value: NonNullable<Known<K, V>['value']> } {
    const key = given.key ?? this.#known.key
    const value = given.value ?? this.#known.value
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
    return [this.#from, ...Object.values(stores).map(store => store.output)]
  }

  #name(kind: string): string {
    return this.#builder.nextName(kind)
  }

  #follow<L, R>(node: GraphNode, known: Known<L, R>): KStream<L, R> {
    return new KStream<L, R>(this.#builder, this.#builder.add(node), known)
  }
}

/** What a stream may be joined with. */
type Joinable = KStream<unknown, unknown> | KTable<unknown, unknown> | GlobalTable<unknown, unknown>

function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T // a part of T's optional fields
}

function outputs(stores: StoreHandles): Readonly<Record<string, Output>> {
  return Object.fromEntries(Object.entries(stores).map(([name, store]) => [name, store.output]))
}
