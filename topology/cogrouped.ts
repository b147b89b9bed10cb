/** Several streams, grouped by the same key, that make one aggregate. */
import type { TopologyBuilder } from './builder.ts'
import { checkName } from './graph.ts'
import type { GroupedStream, Partitioned } from './grouped.ts'
import { storeSpec } from './materialized.ts'
import type { Adder } from './nodes/aggregations.ts'
import type { Serde } from './serde.ts'
import { KTable } from './table.ts'
import { type WindowClock, WindowedCogroupedStream } from './windowed.ts'
import type { Windows } from './windows.ts'

/** How the values `V` of one stream become part of the aggregate `A`; null deletes it. */
export type Aggregator<K, V, A> = (aggregate: A, value: V, key: K) => A | null

/** One of the streams: where its records are by their key, given a name for a repartition topic; and its aggregator. */
export interface CogroupedInput<K> extends Adder {
  partition(name: string): Partitioned<K, unknown>
}

/** Streams grouped together, each with its own aggregator of one aggregate `A` per key. */
export class CogroupedStream<K, A> {
  readonly #builder: TopologyBuilder
  readonly #inputs: readonly CogroupedInput<K>[]

  constructor(builder: TopologyBuilder, inputs: readonly CogroupedInput<K>[]) {
    this.#builder = builder
    this.#inputs = inputs
  }

  /** One more stream. Its aggregator is given values of null only in windows. */
  cogroup<V>(other: GroupedStream<K, V>, add: Aggregator<K, V, A>): CogroupedStream<K, A> {
    return new CogroupedStream<K, A>(this.#builder, [...this.#inputs, ...other.cogroup(add).#inputs])
  }

  /**
   * The aggregates as a table, updated with each record of any of the streams; its timestamp is the greatest of its values'.
   * Records without a key or a value are dropped.
   *
   * Creates the store `name` and its changelog topic; streams whose key may have changed are repartitioned, through
   * `<name>-repartition`, and from the second one on `<name>-2-repartition`, and so on.
   * @throws TickerError TOPOLOGY_SERDE_MISSING
   */
  aggregate(name: string, { initial, value }: { initial(): A; value: Serde<NonNullable<A>> }): KTable<K, A> {
    checkName(name, 'aggregation')
    const { partitioned, adders } = this.partitioned(name)
    const key = partitioned.find(({ known }) => known.key !== undefined)?.known.key
    const from = this.#builder.add({
      kind: 'aggregate',
      name,
      inputs: partitioned.map(each => each.from),
      store: storeSpec(name, { key, value }),
      initial,
      adders,
    })
    return new KTable<K, A>(this.#builder, { from, known: { key, value, keyChanged: false } })
  }

  /**
   * Windows per key, as `GroupedStream.window` says. In windows, except sliding ones, the aggregators are also given the
   * records without a value, as null.
   * @param name of the store, its changelog topic, and its repartition topics, named as those of `aggregate`
   */
  window<W extends Windows>(
    name: string,
    windows: W,
    options: { clock?: WindowClock } = {},
  ): WindowedCogroupedStream<K, A, W> {
    checkName(name, 'window')
    const { clock = 'operator' } = options
    return new WindowedCogroupedStream(this.#builder, { name, windows, clock }, this.partitioned(name))
  }

  /** For what is built on it: the streams where they are by their key, and how each is added. */
  partitioned(name: string): {
    readonly partitioned: readonly Partitioned<K, unknown>[]
    readonly adders: readonly Adder[]
  } {
    const partitioned = this.#inputs.map((input, i) => input.partition(i === 0 ? name : `${name}-${i + 1}`))
    return { partitioned, adders: this.#inputs }
  }
}
