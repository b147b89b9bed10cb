/**
 * The DSL: typed, immutable handles over a graph of plain data (graph.ts). A handle names an output of a node; calling an
 * operator adds a node to the builder's graph and answers with a handle of its output.
 *
 * Stateful operators take a name, because a state directory and a changelog topic must not depend on how many operators
 * were declared before. Stateless ones are numbered.
 */
import { type Duration, milliseconds } from './duration.ts'
import { checkName, type Graph, type GraphNode, type Output, validate } from './graph.ts'
import type { StreamRecord } from './record.ts'
import type { RecordedInput } from './recorded.ts'
import type { Serde } from './serde.ts'
import type { TimeWindows, Windowed, WindowSamples } from './windows.ts'

export interface SourceOptions<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
  /**
   * Event time of a record, milliseconds since the epoch; the record's own timestamp if absent. Not called for a record
   * without a value, which keeps its own.
   */
  readonly timestamp?: (value: V, record: StreamRecord) => number
  /**
   * Says what is wrong with a decoded record, if anything is: it then goes to the dead-letter topic. Not called for a
   * record without a value.
   */
  readonly validate?: (value: V, record: StreamRecord) => string | undefined
}

/** The fields of `V` that hold numbers: those a window can collect. */
export type NumericField<V> = {
  [F in keyof V & string]: NonNullable<V[F]> extends number ? F : never
}[keyof V & string]

/** Names, or nothing: `null` stands for the record's missing value (a tombstone). */
type Nullable<V> = V | null

/** Collects the nodes. One builder makes one topology. */
export class TopologyBuilder {
  readonly #nodes: GraphNode[] = []

  /**
   * Reads a topic. Records that cannot be decoded, that `validate` finds wrong, or that have no usable event time go to
   * the dead-letter topic with the reason in their headers; they never stop the job.
   * @throws TickerError TOPOLOGY_SOURCE_TAKEN when built, if the topic is read already
   */
  stream<K, V>(topic: string, options: SourceOptions<K, V>): KStream<K, V> {
    checkName(topic, 'topic')
    const { timestamp, validate: check } = options
    return new KStream(
      this,
      this.add({
        kind: 'source',
        name: `source-${topic}`,
        inputs: [],
        topic,
        key: options.key,
        value: options.value,
        timestamp,
        validate: check,
      }),
      { key: options.key },
    )
  }

  /** The topology as plain data, checked. @throws TickerError with a TOPOLOGY_ code */
  build(): Graph {
    const graph = { nodes: [...this.#nodes] }
    validate(graph)
    return graph
  }

  /** For the handles: adds a node and answers with its main output. */
  add(node: GraphNode): Output {
    this.#nodes.push(node)
    return { node: node.name, output: 'out' }
  }

  /** For the handles: a name for a sink; a topic may be written to from several places. */
  sinkName(topic: string): string {
    const others = this.#nodes.filter(node => node.kind === 'sink' && node.topic === topic).length
    return others === 0 ? `sink-${topic}` : `sink-${topic}-${others + 1}`
  }

  /** For the handles: a name for a stateless node. */
  nextName(kind: string): string {
    return `${kind}-${this.#nodes.filter(node => node.kind === kind).length + 1}`
  }
}

/** What is known of a stream's key: its serde, as long as no operator gave it another type. */
interface KeyKnown<K> {
  readonly key: Serde<K>
}

/** A stream of records with key `K` and value `V`. Values of the source's records may be null (see `SourceOptions`). */
export class KStream<K, V> {
  readonly #builder: TopologyBuilder
  readonly #from: Output
  readonly #known: KeyKnown<K>

  constructor(builder: TopologyBuilder, from: Output, known: KeyKnown<K>) {
    this.#builder = builder
    this.#from = from
    this.#known = known
  }

  /** Hands on the records for which the predicate holds; those without a value are dropped. Key, time and headers stay. */
  filter(predicate: (value: V, key: K) => boolean): KStream<K, V> {
    const name = this.#builder.nextName('filter')
    return this.#follow<V>({ kind: 'filter', name, inputs: [this.#from], predicate })
  }

  /** Another value for each record; key, time and headers stay. A record without a value stays without one. */
  mapValues<R>(mapper: (value: V, key: K) => R, options: { name?: string } = {}): KStream<K, R> {
    const name = options.name ?? this.#builder.nextName('mapValues')
    return this.#follow<R>({ kind: 'mapValues', name, inputs: [this.#from], mapper })
  }

  /** Looks at each record and hands it on unchanged. The action must not keep or change the value. */
  peek(action: (value: Nullable<V>, key: K, timestamp: number) => void): KStream<K, V> {
    const name = this.#builder.nextName('peek')
    return this.#follow<V>({ kind: 'peek', name, inputs: [this.#from], action })
  }

  /** Both streams' records, each in its own order. */
  merge(other: KStream<K, V>): KStream<K, V> {
    const name = this.#builder.nextName('merge')
    return this.#follow<V>({ kind: 'merge', name, inputs: [this.#from, other.#from] })
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

  /** Groups by the key the records have. Records without a key are dropped by what follows. */
  groupByKey(): GroupedStream<K, V> {
    return new GroupedStream(this.#builder, this.#from, this.#known)
  }

  /**
   * Calls an asynchronous function with batches of values and hands on its results, one for each value, in order. The
   * values must be the caller's to keep (not a view). Every record is taken through exactly once per commit: a commit
   * waits for the calls under way. An error or a time-out ends the task, which starts again from its last commit.
   *
   * With `recorded`, the function is told the decision in force (recorded.ts), and the decision is committed with the
   * first results that rest on it.
   */
  mapBatch<R, D = undefined>(
    name: string,
    mapper: (values: readonly V[], context: { readonly recorded: D }) => Promise<readonly R[]>,
    options: { maxBatch?: number; timeout?: Duration; recorded?: RecordedInput<D> } = {},
  ): KStream<K, R> {
    return this.#follow<R>({
      kind: 'mapBatch',
      name,
      inputs: [this.#from],
      maxBatch: options.maxBatch ?? 64,
      timeout: milliseconds(options.timeout ?? '30 s'),
      recorded: options.recorded,
      mapper,
    })
  }

  /** Writes to a topic, partitioned by the key as Kafka's own clients do (murmur2). The topic must exist. */
  to(topic: string, options: { value: Serde<V>; key?: Serde<K> }): void {
    checkName(topic, 'topic')
    this.#builder.add({
      kind: 'sink',
      name: this.#builder.sinkName(topic),
      inputs: [this.#from],
      topic,
      key: options.key ?? this.#known.key,
      value: options.value,
    })
  }

  #follow<R>(node: GraphNode): KStream<K, R> {
    return new KStream<K, R>(this.#builder, this.#builder.add(node), this.#known)
  }
}

/** A stream whose records are taken by key. */
export class GroupedStream<K, V> {
  readonly #builder: TopologyBuilder
  readonly #from: Output
  readonly #known: KeyKnown<K>

  constructor(builder: TopologyBuilder, from: Output, known: KeyKnown<K>) {
    this.#builder = builder
    this.#from = from
    this.#known = known
  }

  /**
   * Windows per key. A record belongs to every window that contains its timestamp and takes records while
   * end + grace > time, where time is, with `clock: 'operator'` (Kafka Streams' rule), the greatest timestamp this operator
   * has seen in its partition, and with `clock: 'perKey'` the greatest one of the record's own key: then a device that
   * was offline does not find all its records late.
   * @param name of the store, its state directory and its changelog topic
   */
  window(
    name: string,
    windows: TimeWindows,
    options: { clock?: 'operator' | 'perKey' } = {},
  ): WindowedStream<K, V> {
    checkName(name, 'window')
    return new WindowedStream(
      this.#builder,
      this.#from,
      this.#known,
      name,
      windows,
      options.clock ?? 'operator',
    )
  }
}

/** A stream grouped by key and window. */
export class WindowedStream<K, V> {
  readonly #builder: TopologyBuilder
  readonly #from: Output
  readonly #known: KeyKnown<K>
  readonly #name: string
  readonly #windows: TimeWindows
  readonly #clock: 'operator' | 'perKey'

  constructor(
    builder: TopologyBuilder,
    from: Output,
    known: KeyKnown<K>,
    name: string,
    windows: TimeWindows,
    clock: 'operator' | 'perKey',
  ) {
    this.#builder = builder
    this.#from = from
    this.#known = known
    this.#name = name
    this.#windows = windows
    this.#clock = clock
  }

  /**
   * Keeps the named fields of each record once, in panes of gcd(size, advance), and hands on each window's samples when it
   * closes: once, in order of its start (then of key bytes), with the greatest timestamp of its samples. Emits only
   * windows that hold a sample. Creates the store `name` and its changelog topic.
   *
   * A record that came too late for at least one of its windows is also in the stream `late`, once; a record without a key
   * is dropped; one without a value is not a sample.
   *
   * @param options.endsKey says of a value (null for a record without one) that its key's records end here: the record is
   *   no sample; the key's open windows close as if its clock had passed them, and what comes for them afterwards is late.
   *   Needs `clock: 'perKey'`.
   */
  collect<F extends NumericField<V>>(
    fields: readonly F[],
    options: { endsKey?: (value: Nullable<V>) => boolean } = {},
  ): CollectedStream<K, V, F> {
    const { endsKey } = options
    const out = this.#builder.add({
      kind: 'collect',
      name: this.#name,
      inputs: [this.#from],
      store: this.#name,
      key: this.#known.key,
      windows: this.#windows,
      clock: this.#clock,
      fields,
      endsKey,
    })
    return new CollectedStream(this.#builder, out, this.#known)
  }
}

/** Closed windows, and the records that came too late for them. */
export class CollectedStream<K, V, F extends string> {
  /** Records that came too late for at least one of their windows. */
  readonly late: KStream<K, V>
  readonly #builder: TopologyBuilder
  readonly #from: Output
  readonly #known: KeyKnown<K>

  constructor(builder: TopologyBuilder, from: Output, known: KeyKnown<K>) {
    this.#builder = builder
    this.#from = from
    this.#known = known
    this.late = new KStream(builder, { node: from.node, output: 'late' }, known)
  }

  /**
   * Makes a value of each closed window. The samples are a view, valid during the call; the key stays the record's own.
   * `window` tells key, start and end.
   */
  mapWindows<R>(name: string, mapper: (samples: WindowSamples<F>, window: Windowed<K>) => R): KStream<K, R> {
    // The view knows its own bounds; the key is the record's.
    const apply = (samples: WindowSamples<F>, key: K): R =>
      mapper(samples, { key, start: samples.start, end: samples.end })
    return new KStream<K, R>(
      this.#builder,
      this.#builder.add({ kind: 'mapValues', name, inputs: [this.#from], mapper: apply }),
      this.#known,
    )
  }
}
