/** What a table can be joined with, and what comes of it. */
import type { Known, Serdes, TopologyBuilder } from './builder.ts'
import { type ForeignKeyed, joinByForeignKey } from './foreign-key.ts'
import type { Output } from './graph.ts'
import type { Partitioned } from './grouped.ts'
import { type Materialized, materializedStore } from './materialized.ts'
import type { KTable } from './table.ts'

/** The joins of `KTable` with other tables. */
export abstract class TableJoins<K, V> implements Partitioned<K, V> {
  /** For operators that take a table: where its changes come out, and what is known of them. */
  readonly from: Output
  readonly known: Known<K, V>
  protected readonly builder: TopologyBuilder

  constructor(builder: TopologyBuilder, at: Partitioned<K, V>) {
    this.builder = builder
    this.from = at.from
    this.known = { ...at.known, keyChanged: false }
  }

  /** A table of a node's main output, with this one's keys. */
  protected abstract table<R>(
    from: Output,
    value: Serdes<K, R>['value'],
    key?: Known<K, V>['key'],
  ): KTable<K, R>

  /**
   * Joins the rows of two tables that have the same key; a row without a partner is in no result. Each update of either
   * table makes one of the result, if the other has a row: a deletion where there is no result any more. Its timestamp is
   * the greater one of both rows. A null result is none. Both tables are stored if they are not yet.
   * @param name of the operator; the result's store is given by `options.store`
   * @throws TickerError TOPOLOGY_SERDE_MISSING, if it is to be stored; TOPOLOGY_NOT_COPARTITIONED when started, if the
   *   tables differ in partitions
   *
   * @example
   * ```ts
   * const rooms = builder.table('rooms', { key: string, value: string })
   * const pulses = builder.table('pulses', { key: string, value: long })
   * rooms
   *   .join('people', pulses, (room, pulse) => `${pulse} in ${room}`)
   *   .toStream()
   *   .forEach((text, person) => console.log(person, text))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('rooms', { key: 'anna', value: 'kitchen', timestamp: 0 })
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 1 })
   * await driver.pipe('rooms', { key: 'anna', value: 'garden', timestamp: 2 })
   * await driver.pipe('pulses', { key: 'anna', value: null, timestamp: 3 })
   * // → anna 90 in kitchen
   * // → anna 90 in garden
   * // → anna null
   * ```
   */
  join<W, R>(
    name: string,
    other: KTable<K, W>,
    joiner: (left: V, right: W) => R | null,
    options: Materialized<R> = {},
  ): KTable<K, R> {
    return this.#join<R>(name, other, { left: false, right: false, joiner }, options)
  }

  /**
   * As `join`; a row of this table without a partner is joined with null.
   * @throws TickerError TOPOLOGY_SERDE_MISSING, if it is to be stored; TOPOLOGY_NOT_COPARTITIONED when started
   *
   * @example
   * ```ts
   * const rooms = builder.table('rooms', { key: string, value: string })
   * const pulses = builder.table('pulses', { key: string, value: long })
   * rooms
   *   .leftJoin('people', pulses, (room, pulse) => `${pulse ?? 'no pulse'} in ${room}`)
   *   .toStream()
   *   .forEach((text, person) => console.log(person, text))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('rooms', { key: 'anna', value: 'kitchen', timestamp: 0 })
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 1 })
   * // → anna no pulse in kitchen
   * // → anna 90 in kitchen
   * ```
   */
  leftJoin<W, R>(
    name: string,
    other: KTable<K, W>,
    joiner: (left: V, right: W | null) => R | null,
    options: Materialized<R> = {},
  ): KTable<K, R> {
    return this.#join<R>(name, other, { left: true, right: false, joiner }, options)
  }

  /**
   * As `join`; a row of either table without a partner is joined with null.
   * @throws TickerError TOPOLOGY_SERDE_MISSING, if it is to be stored; TOPOLOGY_NOT_COPARTITIONED when started
   *
   * @example
   * ```ts
   * const rooms = builder.table('rooms', { key: string, value: string })
   * const pulses = builder.table('pulses', { key: string, value: long })
   * rooms
   *   .outerJoin('people', pulses, (room, pulse) => `${pulse} in ${room}`)
   *   .toStream()
   *   .forEach((text, person) => console.log(person, text))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 0 })
   * await driver.pipe('rooms', { key: 'bert', value: 'kitchen', timestamp: 1 })
   * // → anna 90 in null
   * // → bert null in kitchen
   * ```
   */
  outerJoin<W, R>(
    name: string,
    other: KTable<K, W>,
    joiner: (left: V | null, right: W | null) => R | null,
    options: Materialized<R> = {},
  ): KTable<K, R> {
    return this.#join<R>(name, other, { left: true, right: true, joiner }, options)
  }

  /**
   * Joins each row with the row of another table that its value refers to: many rows may refer to one. An update of either
   * table makes one of the result for each row concerned; the result is keyed as this table, and rows that refer to nothing
   * are in no result. A result's timestamp is the greater one of both rows', after an update of the other table that row's.
   *
   * Creates the topics `<name>-subscription-repartition` and `<name>-response-repartition`, and the store
   * `<name>-subscriptions` with its changelog topic. Both tables are stored if they are not yet, and must be partitioned as
   * Kafka's own clients do (murmur2).
   * @throws TickerError TOPOLOGY_SERDE_MISSING
   *
   * @example
   * ```ts
   * const orders = builder.table('orders', { key: long, value: string })
   * const prices = builder.table('prices', { key: string, value: long })
   * orders
   *   .foreignKeyJoin('priced', prices, {
   *     foreignKey: product => product,
   *     joiner: (product, price) => `${product} for ${price}`,
   *     value: string,
   *   })
   *   .toStream()
   *   .forEach((text, order) => console.log(order, text))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('prices', { key: 'tea', value: 3, timestamp: 0 })
   * await driver.pipe('orders', { key: 7, value: 'tea', timestamp: 1 })
   * await driver.pipe('prices', { key: 'tea', value: 4, timestamp: 2 })
   * // → 7 tea for 3
   * // → 7 tea for 4
   * ```
   */
  foreignKeyJoin<L, W, R>(
    name: string,
    other: KTable<L, W>,
    options: ForeignKeyed<K, V, L, W, R>,
  ): KTable<K, R> {
    return this.#joinByForeignKey(name, other, options, false)
  }

  /**
   * As `foreignKeyJoin`; a row that refers to nothing, or to no row that is there, is joined with null.
   * @throws TickerError TOPOLOGY_SERDE_MISSING
   *
   * @example
   * ```ts
   * const orders = builder.table('orders', { key: long, value: string })
   * const prices = builder.table('prices', { key: string, value: long })
   * orders
   *   .foreignKeyLeftJoin('priced', prices, {
   *     foreignKey: product => product,
   *     joiner: (product, price) => `${product} for ${price ?? 'nothing'}`,
   *     value: string,
   *   })
   *   .toStream()
   *   .forEach((text, order) => console.log(order, text))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('orders', { key: 7, value: 'tea', timestamp: 0 })
   * await driver.pipe('prices', { key: 'tea', value: 3, timestamp: 1 })
   * // → 7 tea for nothing
   * // → 7 tea for 3
   * ```
   */
  foreignKeyLeftJoin<L, W, R>(
    name: string,
    other: KTable<L, W>,
    options: ForeignKeyed<K, V, L, W | null, R>,
  ): KTable<K, R> {
    return this.#joinByForeignKey(name, other, options, true)
  }

  #join<R>(
    name: string,
    other: Partitioned<K, unknown>,
    join: { left: boolean; right: boolean; joiner(left: unknown, right: unknown): unknown },
    options: Materialized<R>,
  ): KTable<K, R> {
    const { left: keepsLeft, right: keepsRight, joiner } = join
    const key = this.known.key ?? other.known.key
    const store = materializedStore(options, key)
    const inputs = [this.from, other.from]
    const from = this.builder.add({ kind: 'tableJoin', name, inputs, store, keepsLeft, keepsRight, joiner })
    return this.table<R>(from, options.value, key)
  }

  #joinByForeignKey<L, W, R>(
    name: string,
    other: KTable<L, W>,
    options: ForeignKeyed<K, V, L, W, R>,
    keepsLeft: boolean,
  ): KTable<K, R> {
    const from = joinByForeignKey(this.builder, name, { left: this, right: other, keepsLeft }, options)
    return this.table<R>(from, options.value)
  }
}
