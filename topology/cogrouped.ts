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

  /**
   * One more stream. Its aggregator is given values of null only in windows.
   *
   * @example
   * ```ts
   * const steps = builder.stream('steps', { key: string, value: long }).groupByKey()
   * const climbs = builder.stream('climbs', { key: string, value: long }).groupByKey()
   * const swims = builder.stream('swims', { key: string, value: long }).groupByKey()
   * steps
   *   .cogroup<number>((points, count) => points + (count ?? 0))
   *   .cogroup(climbs, (points, floors) => points + 20 * (floors ?? 0))
   *   .cogroup(swims, (points, lengths) => points + 50 * (lengths ?? 0))
   *   .aggregate('points', { initial: () => 0, value: long })
   *   .toStream()
   *   .forEach((points, person) => console.log(person, points))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('swims', { key: 'anna', value: 2, timestamp: 0 })
   * await driver.pipe('climbs', { key: 'anna', value: 1, timestamp: 1 })
   * // → anna 100
   * // → anna 120
   * ```
   */
  cogroup<V>(other: GroupedStream<K, V>, add: Aggregator<K, V, A>): CogroupedStream<K, A> {
    return new CogroupedStream<K, A>(this.#builder, [...this.#inputs, ...other.cogroup(add).#inputs])
  }

  /**
   * The aggregates as a table, updated with each record of any of the streams; its timestamp is the greatest of its values'.
   * Records without a key or a value are dropped.
   *
   * Creates the store `name` and its changelog topic; streams whose key may have changed are repartitioned, through
   * `<name>-repartition`, and from the second one on `<name>-2-repartition`, and so on.
   * @throws TickerError TOPOLOGY_SERDE_MISSING; TOPOLOGY_NOT_COPARTITIONED when started
   *
   * @example
   * ```ts
   * const opened = builder.stream('opened', { key: string, value: string }).groupByKey()
   * const closed = builder.stream('closed', { key: string, value: string }).groupByKey()
   * opened
   *   .cogroup<number>(open => open + 1)
   *   .cogroup(closed, open => (open > 1 ? open - 1 : null)) // null: none is open, so there is no row
   *   .aggregate('open-tickets', { initial: () => 0, value: long })
   *   .toStream()
   *   .forEach((open, team) => console.log(team, open))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('opened', { key: 'billing', value: 'ticket 1', timestamp: 0 })
   * await driver.pipe('closed', { key: 'billing', value: 'ticket 1', timestamp: 1 })
   * // → billing 1
   * // → billing null
   * ```
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
   *
   * @example
   * ```ts
   * const steps = builder.stream('steps', { key: string, value: long }).groupByKey()
   * const climbs = builder.stream('climbs', { key: string, value: long }).groupByKey()
   * steps
   *   .cogroup<number>((points, count) => points + (count ?? 0))
   *   .cogroup(climbs, (points, floors) => points + 20 * (floors ?? 0))
   *   .window('points-per-hour', tumbling({ size: '1 h', grace: 0 }))
   *   .aggregate({ initial: () => 0, value: long })
   *   .toStream()
   *   .forEach((points, { key, start }) => console.log(key, start, points))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('steps', { key: 'anna', value: 12, timestamp: 0 })
   * await driver.pipe('climbs', { key: 'anna', value: 1, timestamp: 1 })
   * // → anna 0 12
   * // → anna 0 32
   * ```
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

  /** The streams where they are by their key, and how each is added. @internal */
  partitioned(name: string): {
    readonly partitioned: readonly Partitioned<K, unknown>[]
    readonly adders: readonly Adder[]
  } {
    const partitioned = this.#inputs.map((input, i) => input.partition(i === 0 ? name : `${name}-${i + 1}`))
    return { partitioned, adders: this.#inputs }
  }
}
