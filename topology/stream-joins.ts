/** What a stream can be joined with, and what comes of it. */
import type { GlobalTable } from './global-table.ts'
import type { GlobalJoined, Joiner, JoinOptions, Keeps, StreamJoined, TableJoined } from './joined.ts'
import { StatelessOperators } from './stateless.ts'
import type { KStream } from './stream.ts'
import type { KTable } from './table.ts'

/** What a stream may be joined with. */
export type Joinable = KStream<unknown, unknown> | KTable<unknown, unknown> | GlobalTable<unknown, unknown>

/**
 * The joins of `KStream`. A stream whose key may have changed is repartitioned first: in a join with a stream through
 * `<name>-left-repartition` or `<name>-right-repartition`, with a table through `<name>-repartition`, with a global table
 * not at all.
 */
export abstract class StreamJoins<K, V> extends StatelessOperators<K, V> {
  /** Adds the join to the topology. */
  protected abstract joinWith(
    name: string,
    keeps: Keeps,
    other: Joinable,
    joiner: Joiner,
    options: JoinOptions<K, V>,
  ): KStream<unknown, unknown>

  /**
   * Joins records of two streams that have the same key and are within a window of event time: a record at t meets those of
   * `other` from t - before to t + after, each pair once, by ascending time. A result has the greater timestamp of the two,
   * and the headers of the one that came later. Records without a key or a value are dropped.
   *
   * Creates the stores `<name>-left` and `<name>-right` with their changelogs, which forget what is before + after + grace
   * behind their newest record.
   * @throws TickerError TOPOLOGY_JOIN_WINDOW_INVALID, TOPOLOGY_SERDE_MISSING; TOPOLOGY_NOT_COPARTITIONED when started
   *
   * @example
   * ```ts
   * const orders = builder.stream('orders', { key: string, value: string })
   * const payments = builder.stream('payments', { key: string, value: long })
   * orders
   *   .join('paid', payments, (order, paid) => `${order} for ${paid}`, { before: 0, after: '10 m', grace: '1 m' })
   *   .forEach((sale, customer) => console.log(customer, sale))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('orders', { key: 'anna', value: 'tea', timestamp: 0 })
   * await driver.pipe('payments', { key: 'anna', value: 3, timestamp: 60_000 })
   * await driver.pipe('payments', { key: 'anna', value: 4, timestamp: 700_000 }) // after more than ten minutes
   * // → anna tea for 3
   * ```
   */
  join<W, R>(
    name: string,
    other: KStream<K | null, W>,
    joiner: (left: NonNullable<V>, right: NonNullable<W>, key: NonNullable<K>) => R,
    options: StreamJoined<K, V, W>,
  ): KStream<NonNullable<K>, R>
  /**
   * Joins each record with what a table holds for its key when the record is processed; those for which it holds nothing
   * are dropped, and those without a key or a value. Only this stream's records come out, with their own timestamps and
   * headers. Of a table with `historyRetention` it is what the table held at the record's time.
   *
   * Keeps no state, unless there is a grace: then records wait in the store `<name>-buffer`, with its changelog, until
   * the greatest timestamp that came to it is so much ahead, and come out in order of time; one that is older comes out
   * at once.
   * @throws TickerError TOPOLOGY_SERDE_MISSING, TOPOLOGY_JOIN_GRACE_INVALID; TOPOLOGY_NOT_COPARTITIONED when started
   *
   * @example
   * ```ts
   * const rooms = builder.table('rooms', { key: string, value: string })
   * builder
   *   .stream('pulses', { key: string, value: long })
   *   .join('placed', rooms, (pulse, room) => `${pulse} in ${room}`)
   *   .forEach((text, watch) => console.log(watch, text))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 80, timestamp: 0 }) // nobody knows where
   * await driver.pipe('rooms', { key: 'anna', value: 'kitchen', timestamp: 1 })
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 2 })
   * // → anna 90 in kitchen
   * ```
   *
   * @example The table's value at a record's time, records waiting a minute for it
   * ```ts
   * const rooms = builder.table('rooms', { key: string, value: string, store: 'rooms', historyRetention: '1 h' })
   * builder
   *   .stream('pulses', { key: string, value: long })
   *   .join('placed', rooms, (pulse, room) => `${pulse} in ${room}`, { grace: '1 m' })
   *   .forEach((text, watch) => console.log(watch, text))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 80, timestamp: 5000 })
   * await driver.pipe('rooms', { key: 'anna', value: 'kitchen', timestamp: 4000 })
   * await driver.pipe('rooms', { key: 'anna', value: 'garden', timestamp: 6000 })
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 65_000 })
   * // → anna 80 in kitchen
   * ```
   */
  join<W, R>(
    name: string,
    table: KTable<NonNullable<K>, W>,
    joiner: (value: NonNullable<V>, found: W, key: NonNullable<K>) => R,
    options?: TableJoined<K, V>,
  ): KStream<NonNullable<K>, R>
  /**
   * Joins each record with what a global table holds, at that moment, for the key that `tableKey` gives; those for which it
   * holds nothing are dropped, and those without a value. Only this stream's records come out, with their own timestamps
   * and headers. Keeps no state and needs no repartitioning.
   * @throws TickerError TOPOLOGY_JOIN_KEY_MISSING
   *
   * @example
   * ```ts
   * const prices = builder.globalTable('prices', { key: string, value: long, store: 'prices' })
   * builder
   *   .stream('orders', { key: string, value: string })
   *   .join('priced', prices, (product, price) => `${product} for ${price}`, { tableKey: product => product })
   *   .forEach((order, customer) => console.log(customer, order))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('prices', { key: 'tea', value: 3, timestamp: 0 })
   * await driver.pipe('orders', { key: 'anna', value: 'tea', timestamp: 1 })
   * // → anna tea for 3
   * ```
   */
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
    return this.joinWith(name, { left: false, right: false }, other, joiner, options)
  }

  /**
   * As `join` of streams, and this stream's records that meet nothing come out too, joined with null: when their window,
   * with the grace, is over in the join's stream time (the greatest timestamp of both streams), with their own timestamps,
   * in order of time. Records without a key come out at once. They wait in the store `<name>-unmatched`, with its changelog.
   * @throws TickerError TOPOLOGY_JOIN_WINDOW_INVALID, TOPOLOGY_SERDE_MISSING; TOPOLOGY_NOT_COPARTITIONED when started
   *
   * @example
   * ```ts
   * const orders = builder.stream('orders', { key: string, value: string })
   * const payments = builder.stream('payments', { key: string, value: long })
   * orders
   *   .leftJoin('paid', payments, (order, paid) => `${order}: ${paid ?? 'unpaid'}`, { before: 0, after: 100, grace: 10 })
   *   .forEach((sale, customer) => console.log(customer, sale))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('orders', { key: 'anna', value: 'tea', timestamp: 0 })
   * await driver.pipe('orders', { key: 'bert', value: 'milk', timestamp: 110 }) // it is not too late yet
   * await driver.pipe('payments', { key: 'bert', value: 2, timestamp: 111 }) // now it is
   * // → anna tea: unpaid
   * // → bert milk: 2
   * ```
   */
  leftJoin<W, R>(
    name: string,
    other: KStream<K | null, W>,
    joiner: (left: NonNullable<V>, right: NonNullable<W> | null, key: K) => R,
    options: StreamJoined<K, V, W>,
  ): KStream<K, R>
  /**
   * As `join` with a table; records for which it holds nothing, or that have no key, are joined with null.
   * @throws TickerError TOPOLOGY_SERDE_MISSING, TOPOLOGY_JOIN_GRACE_INVALID; TOPOLOGY_NOT_COPARTITIONED when started
   *
   * @example
   * ```ts
   * const rooms = builder.table('rooms', { key: string, value: string })
   * builder
   *   .stream('pulses', { key: string, value: long })
   *   .leftJoin('placed', rooms, (pulse, room) => `${pulse} in ${room ?? 'an unknown place'}`)
   *   .forEach((text, watch) => console.log(watch, text))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 80, timestamp: 0 })
   * // → anna 80 in an unknown place
   * ```
   */
  leftJoin<W, R>(
    name: string,
    table: KTable<NonNullable<K>, W>,
    joiner: (value: NonNullable<V>, found: W | null, key: K) => R,
    options?: TableJoined<K, V>,
  ): KStream<K, R>
  /**
   * As `join` with a global table; records for which it holds nothing, or for which `tableKey` gives null, are joined with
   * null.
   * @throws TickerError TOPOLOGY_JOIN_KEY_MISSING
   *
   * @example
   * ```ts
   * const prices = builder.globalTable('prices', { key: string, value: long, store: 'prices' })
   * builder
   *   .stream('orders', { key: string, value: string })
   *   .leftJoin('priced', prices, (product, price) => `${product} for ${price}`, { tableKey: product => product })
   *   .forEach((order, customer) => console.log(customer, order))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('orders', { key: 'anna', value: 'tea', timestamp: 1 })
   * // → anna tea for null
   * ```
   */
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
    return this.joinWith(name, { left: true, right: false }, other, joiner, options)
  }

  /**
   * As `leftJoin` of streams, and the records of `other` that meet nothing come out too, joined with null.
   * @throws TickerError TOPOLOGY_JOIN_WINDOW_INVALID, TOPOLOGY_SERDE_MISSING; TOPOLOGY_NOT_COPARTITIONED when started
   *
   * @example
   * ```ts
   * const orders = builder.stream('orders', { key: string, value: string })
   * const payments = builder.stream('payments', { key: string, value: long })
   * orders
   *   .outerJoin('paid', payments, (order, paid) => [order, paid], { before: 0, after: 100, grace: 10 })
   *   .forEach((sale, customer) => console.log(customer, sale))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('payments', { key: 'anna', value: 3, timestamp: 0 })
   * await driver.pipe('orders', { key: 'bert', value: 'milk', timestamp: 1000 })
   * await driver.pipe('orders', { key: 'bert', value: 'tea', timestamp: 2000 })
   * // → anna [ null, 3 ]
   * // → bert [ 'milk', null ]
   * ```
   */
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
    return this.joinWith(name, { left: true, right: true }, other, joiner, options)
  }
}
