/** Streams taken by key, and by window. */
import type { Known, TopologyBuilder } from './builder.ts'
import { type Aggregator, CogroupedStream } from './cogrouped.ts'
import { TickerError } from './errors.ts'
import { checkName, type Output } from './graph.ts'
import { storeSpec } from './materialized.ts'
import type { Adder } from './nodes/aggregations.ts'
import { long, type Serde } from './serde.ts'
import { KStream } from './stream.ts'
import { KTable } from './table.ts'
import type { TimeWindows, Windowed, WindowSamples } from './windows.ts'

/** The fields of `V` that hold numbers: those a window can collect. */
export type NumericField<V> = {
  [F in keyof V & string]: NonNullable<V[F]> extends number ? F : never
}[keyof V & string]

/** A stream at a place where its records are partitioned by their key. */
export interface Partitioned<K, V> {
  readonly from: Output
  readonly known: Known<K, V>
}

/** A stream whose records are taken by key. What is built on it is repartitioned first where that is needed. */
export class GroupedStream<K, V> {
  readonly #builder: TopologyBuilder
  readonly #partition: (name: string) => Partitioned<K, V>

  /** @param partition where the records are partitioned by their key; given a name for a repartition topic */
  constructor(builder: TopologyBuilder, partition: (name: string) => Partitioned<K, V>) {
    this.#builder = builder
    this.#partition = partition
  }

  /**
   * The number of records of each key. Records without a key or a value are dropped; an update's timestamp is the greatest of
   * its records'.
   * @param name of the store, its changelog topic, and its repartition topic if one is needed
   */
  count(name: string): KTable<K, number> {
    return this.aggregate(name, { initial: () => 0, add: count => count + 1, value: long })
  }

  /**
   * Combines the values of each key; the first one is taken as it is. Otherwise as `aggregate`.
   * @param reducer a null result deletes the key
   */
  reduce(
    name: string,
    reducer: (sum: NonNullable<V>, value: NonNullable<V>) => NonNullable<V> | null,
  ): KTable<K, NonNullable<V>> {
    const partitioned = this.#partition(name)
    // Null is what a reduction begins with: it has no value of its own.
    const add = (sum: NonNullable<V> | null, value: NonNullable<V>): NonNullable<V> | null =>
      sum === null ? value : reducer(sum, value)
    return this.#aggregate<NonNullable<V>>(name, partitioned, partitioned.known.value, { initial: () => null, add })
  }

  /**
   * An aggregate of the values of each key, of whatever type; a null result deletes it, and the next value begins anew.
   * Records without a key or a value are dropped; an update's timestamp is the greatest of its records'.
   * @param name of the store, its changelog topic, and its repartition topic if one is needed
   * @throws TickerError TOPOLOGY_SERDE_MISSING
   */
  aggregate<A>(
    name: string,
    aggregator: {
      initial(): A
      add(aggregate: A, value: NonNullable<V>, key: K): A | null
      value: Serde<NonNullable<A>>
    },
  ): KTable<K, A> {
    const { initial, add, value } = aggregator
    return this.#aggregate<A>(name, this.#partition(name), value, { initial, add })
  }

  /** Makes one aggregate of this stream and of others grouped by the same key: `a.cogroup(f).cogroup(b, g).aggregate(…)`. */
  cogroup<A>(add: Aggregator<K, NonNullable<V>, A>): CogroupedStream<K, A> {
    return new CogroupedStream<K, A>(this.#builder, [{ partition: this.#partition, add }])
  }

  #aggregate<A>(
    name: string,
    { from: input, known: { key } }: Partitioned<K, V>,
    value: Serde<NonNullable<A>> | undefined,
    { initial, add }: Adder & { initial(): unknown },
  ): KTable<K, A> {
    checkName(name, 'aggregation')
    const store = storeSpec(name, { key, value })
    const from = this.#builder.add({ kind: 'aggregate', name, inputs: [input], store, initial, adders: [{ add }] })
    return new KTable<K, A>(this.#builder, { from, known: { key, value, keyChanged: false } })
  }

  /**
   * Windows per key. A record belongs to every window that contains its timestamp and takes records while
   * end + grace > time, where time is, with `clock: 'operator'` (Kafka Streams' rule), the greatest timestamp this operator
   * has seen in its partition, and with `clock: 'perKey'` the greatest one of the record's own key: then a device that
   * was offline does not find all its records late.
   * @param name of the store, its state directory, its changelog topic, and its repartition topic if one is needed
   */
  window(
    name: string,
    windows: TimeWindows,
    options: { clock?: 'operator' | 'perKey' } = {},
  ): WindowedStream<K, V> {
    checkName(name, 'window')
    const { clock = 'operator' } = options
    return new WindowedStream(this.#builder, { name, windows, clock, partition: this.#partition })
  }
}

/** What a window operator is built of. */
interface WindowOptions<K, V> {
  readonly name: string
  readonly windows: TimeWindows
  readonly clock: 'operator' | 'perKey'
  readonly partition: (name: string) => Partitioned<K, V>
}

/** A stream grouped by key and window. */
export class WindowedStream<K, V> {
  readonly #builder: TopologyBuilder
  readonly #options: WindowOptions<K, V>

  constructor(builder: TopologyBuilder, options: WindowOptions<K, V>) {
    this.#builder = builder
    this.#options = options
  }

  /**
   * Keeps the named fields of each record once, in panes of gcd(size, advance), and hands on each window's samples when it
   * closes: once, in order of its start (then of key bytes), with the greatest timestamp of its samples. Emits only
   * windows that hold a sample. Creates the store `name` and its changelog topic.
   *
   * A record that came too late for at least one of its windows is also in the stream `late`, once; a record without a key
   * is dropped; one without a value is not a sample.
   *
   * @param options.endsKey says of a value that its key's records end here: the record is no sample; the key's open windows
   *   close as if its clock had passed them, and what comes for them afterwards is late. Needs `clock: 'perKey'`.
   */
  collect<F extends NumericField<NonNullable<V>>>(
    fields: readonly F[],
    options: { endsKey?: (value: V) => boolean } = {},
  ): CollectedStream<K, V, F> {
    const { name, windows, clock, partition } = this.#options
    const { from, known } = partition(name)
    const key = keySerde(name, known)
    const { endsKey } = options
    const out = this.#builder.add({
      kind: 'collect',
      name,
      inputs: [from],
      store: name,
      key,
      windows,
      clock,
      fields,
      endsKey,
    })
    return new CollectedStream(this.#builder, out, known)
  }
}

/** Closed windows, and the records that came too late for them. */
export class CollectedStream<K, V, F extends string> {
  /** Records that came too late for at least one of their windows. */
  readonly late: KStream<K, V>
  readonly #builder: TopologyBuilder
  readonly #from: Output
  readonly #known: Known<K, V>

  constructor(builder: TopologyBuilder, from: Output, known: Known<K, V>) {
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
    const { key, keyChanged } = this.#known
    return new KStream<K, R>(
      this.#builder,
      this.#builder.add({ kind: 'mapValues', name, inputs: [this.#from], mapper: apply }),
      { key, keyChanged },
    )
  }
}

/** A store needs to write its keys. @throws TickerError TOPOLOGY_SERDE_MISSING */
export function keySerde<K, V>(name: string, known: Known<K, V>): Serde<NonNullable<K>> {
  if (known.key === undefined) {
    throw new TickerError('TOPOLOGY_SERDE_MISSING', `${name}: it is not known how the key is serialized here`)
  }
  return known.key
}
