/** Streams taken by key, and by window. */
import type { Known, TopologyBuilder } from './builder.ts'
import { type Aggregator, CogroupedStream } from './cogrouped.ts'
import type { Duration } from './duration.ts'
import { checkName, type Output } from './graph.ts'
import { storeSpec } from './materialized.ts'
import type { Adder } from './nodes/aggregations.ts'
import { long, type Serde } from './serde.ts'
import { KTable } from './table.ts'
import { type WindowClock, WindowedStream } from './windowed.ts'
import type { Windows } from './windows.ts'

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
   * @throws TickerError TOPOLOGY_SERDE_MISSING
   *
   * @example
   * ```ts
   * const visits = builder.stream('visits', { key: string, value: string })
   * visits.groupByKey().count('visits-per-person').toStream().forEach((count, person) => console.log(person, count))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('visits', { key: 'anna', value: '/home', timestamp: 0 })
   * await driver.pipe('visits', { key: 'anna', value: '/news', timestamp: 1 })
   * // → anna 1
   * // → anna 2
   * ```
   */
  count(name: string): KTable<K, number> {
    return this.aggregate(name, { initial: () => 0, add: count => count + 1, value: long })
  }

  /**
   * Combines the values of each key; the first one is taken as it is. Otherwise as `aggregate`.
   * @param name of the store, its changelog topic, and its repartition topic if one is needed
   * @param reducer a null result deletes the key
   * @throws TickerError TOPOLOGY_SERDE_MISSING
   *
   * @example
   * ```ts
   * builder
   *   .stream('pulses', { key: string, value: long })
   *   .groupByKey()
   *   .reduce('greatest', (greatest, pulse) => Math.max(greatest, pulse))
   *   .toStream()
   *   .forEach((greatest, watch) => console.log(watch, greatest))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 0 })
   * await driver.pipe('pulses', { key: 'anna', value: 120, timestamp: 1 })
   * // → anna 90
   * // → anna 120
   * ```
   */
  reduce(
    name: string,
    reducer: (sum: NonNullable<V>, value: NonNullable<V>) => NonNullable<V> | null,
  ): KTable<K, NonNullable<V>> {
    const partitioned = this.#partition(name)
    // Null is what a reduction begins with: it has no value of its own.
    const add = (sum: NonNullable<V> | null, value: NonNullable<V>): NonNullable<V> | null =>
      sum === null ? value : reducer(sum, value)
    return this.#aggregate<NonNullable<V>>(name, partitioned, partitioned.known.value, {
      initial: () => null,
      add,
    })
  }

  /**
   * An aggregate of the values of each key, of whatever type; a null result deletes it, and the next value begins anew.
   * Records without a key or a value are dropped; an update's timestamp is the greatest of its records'.
   * @param name of the store, its changelog topic, and its repartition topic if one is needed
   * @throws TickerError TOPOLOGY_SERDE_MISSING
   *
   * @example
   * ```ts
   * builder
   *   .stream('pulses', { key: string, value: long })
   *   .groupByKey()
   *   .aggregate('means', {
   *     initial: () => ({ sum: 0, count: 0 }),
   *     add: ({ sum, count }, pulse) => ({ sum: sum + pulse, count: count + 1 }),
   *     value: json<{ sum: number; count: number }>(),
   *   })
   *   .mapValues(({ sum, count }) => sum / count)
   *   .toStream()
   *   .forEach((mean, watch) => console.log(watch, mean))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 0 })
   * await driver.pipe('pulses', { key: 'anna', value: 120, timestamp: 1 })
   * // → anna 90
   * // → anna 105
   * ```
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

  /**
   * Makes one aggregate of this stream and of others grouped by the same key.
   * @param add how this stream's values become part of it
   *
   * @example
   * ```ts
   * const deposits = builder.stream('deposits', { key: string, value: long }).groupByKey()
   * const withdrawals = builder.stream('withdrawals', { key: string, value: long }).groupByKey()
   * deposits
   *   .cogroup<number>((balance, amount) => balance + (amount ?? 0))
   *   .cogroup(withdrawals, (balance, amount) => balance - (amount ?? 0))
   *   .aggregate('balances', { initial: () => 0, value: long })
   *   .toStream()
   *   .forEach((balance, account) => console.log(account, balance))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('deposits', { key: 'anna', value: 100, timestamp: 0 })
   * await driver.pipe('withdrawals', { key: 'anna', value: 30, timestamp: 1 })
   * // → anna 100
   * // → anna 70
   * ```
   */
  cogroup<A>(add: Aggregator<K, V, A>): CogroupedStream<K, A> {
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
    const from = this.#builder.add({
      kind: 'aggregate',
      name,
      inputs: [input],
      store,
      initial,
      adders: [{ add }],
    })
    return new KTable<K, A>(this.#builder, { from, known: { key, value, keyChanged: false } })
  }

  /**
   * Windows per key. A record belongs to every window that contains its timestamp and takes records while
   * end + grace > time (sliding windows and sessions, whose end belongs to them: >=), where time is, with
   * `clock: 'operator'` (Kafka Streams' rule), the greatest timestamp this operator has seen in its partition, and with
   * `clock: 'perKey'` the greatest one of the record's own key: then a device that was offline does not find all its records
   * late.
   *
   * What takes no more records comes out when that time passes: a key that falls silent holds its last windows back for ever.
   * With `idle`, the time of a clock for which nothing has come for so long goes on with the clock on the wall, from the
   * greatest timestamp on; what comes after all for a window that this closed is late. When it was is recorded in the
   * store `<name>-idle`, with its changelog topic. For `collect` and `emit: 'close'`.
   * @param name of the store, its state directory, its changelog topic, and its repartition topic if one is needed
   * @throws TickerError TOPOLOGY_NAME_MISSING, TOPOLOGY_NAME_INVALID
   *
   * @example
   * ```ts
   * builder
   *   .stream('pulses', { key: string, value: long })
   *   .groupByKey()
   *   .window('per-minute', tumbling({ size: '1 m', grace: '5 s' }), { clock: 'perKey' })
   *   .count()
   *   .toStream()
   *   .forEach((count, { key, start }) => console.log(key, start, count))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 59_000 })
   * await driver.pipe('pulses', { key: 'anna', value: 91, timestamp: 61_000 })
   * await driver.pipe('pulses', { key: 'anna', value: 92, timestamp: 58_000 }) // within the grace
   * // → anna 0 1
   * // → anna 60000 1
   * // → anna 0 2
   * ```
   */
  window<W extends Windows>(
    name: string,
    windows: W,
    options: { clock?: WindowClock; idle?: Duration } = {},
  ): WindowedStream<K, V, W> {
    checkName(name, 'window')
    const { clock = 'operator', idle } = options
    return new WindowedStream(this.#builder, { name, windows, clock, idle, partition: this.#partition })
  }
}
