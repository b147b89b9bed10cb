/** Tables: the DSL's handle of a table, made by `builder.table`, `KStream.toTable` and aggregations. */
import type { Known, Serdes, TopologyBuilder } from './builder.ts'
import { type ForeignKeyed, joinByForeignKey } from './foreign-key.ts'
import type { GraphNode, Output } from './graph.ts'
import type { Partitioned } from './grouped.ts'
import { GroupedTable } from './grouped-table.ts'
import { type Materialized, storeSpec } from './materialized.ts'
import type { TableStoreSpec } from './nodes/tables.ts'
import { KStream } from './stream.ts'
import type { Suppression } from './suppressed.ts'
import type { Windowed } from './windows.ts'

/**
 * A table of values `V` by key `K`, neither of which is null: a key that has no value is not in the table. What flows out of
 * it are its updates, in the order in which they were made; the timestamp of one is that of the record it came from, or
 * what the operator says of it.
 *
 * Operators that are given a `store` keep their result in it, with a changelog topic (`<application>-<store>-changelog`).
 */
export class KTable<K, V> implements Partitioned<K, V> {
  /** For operators that take a table: where its changes come out, and what is known of them. */
  readonly from: Output
  readonly known: Known<K, V>
  readonly #builder: TopologyBuilder

  constructor(builder: TopologyBuilder, at: Partitioned<K, V>) {
    this.#builder = builder
    this.from = at.from
    this.known = { ...at.known, keyChanged: false }
  }

  /**
   * The rows for which the predicate holds. An update that does not pass deletes its row; whether it was there is known only
   * if this table or the result is stored, and otherwise the deletion is handed on all the same.
   * @throws TickerError TOPOLOGY_SERDE_MISSING, if it is to be stored
   *
   * @example
   * ```ts
   * builder
   *   .table('pulses', { key: string, value: long, store: 'pulses' })
   *   .filter(pulse => pulse > 100)
   *   .toStream()
   *   .forEach((pulse, watch) => console.log(watch, pulse))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 120, timestamp: 0 })
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 1 })
   * await driver.pipe('pulses', { key: 'anna', value: 80, timestamp: 2 }) // is not in the result any more
   * // → anna 120
   * // → anna null
   * ```
   */
  filter(predicate: (value: V, key: K) => boolean, options: Materialized<V> = {}): KTable<K, V> {
    const value = options.value ?? this.known.value
    return this.#follow<V>('tableFilter', { ...options, value }, common => ({
      ...common,
      kind: 'tableFilter',
      predicate,
    }))
  }

  /**
   * The rows for which the predicate does not hold; otherwise as `filter`.
   * @throws TickerError TOPOLOGY_SERDE_MISSING, if it is to be stored
   *
   * @example
   * ```ts
   * builder
   *   .table('rooms', { key: string, value: string })
   *   .filterNot((_, person) => person === 'test', { store: 'people' })
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('rooms', { key: 'test', value: 'kitchen', timestamp: 0 })
   * await driver.pipe('rooms', { key: 'anna', value: 'garden', timestamp: 1 })
   * const [people] = driver.stores('people')
   * if (people instanceof KeyValueStore) console.log(people.size)
   * // → 1
   * ```
   */
  filterNot(predicate: (value: V, key: K) => boolean, options: Materialized<V> = {}): KTable<K, V> {
    return this.filter((value, key) => !predicate(value, key), options)
  }

  /**
   * Another value for each row; null for none. The mapper is not called for rows that are deleted.
   * @throws TickerError TOPOLOGY_SERDE_MISSING, if it is to be stored
   *
   * @example
   * ```ts
   * builder
   *   .table('names', { key: long, value: string })
   *   .mapValues(name => name.length, { store: 'lengths', value: long })
   *   .toStream()
   *   .forEach((length, id) => console.log(id, length))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('names', { key: 7, value: 'anna', timestamp: 0 })
   * await driver.pipe('names', { key: 7, value: null, timestamp: 1 })
   * // → 7 4
   * // → 7 null
   * ```
   */
  mapValues<R>(mapper: (value: V, key: K) => R | null, options: Materialized<R> = {}): KTable<K, R> {
    return this.#follow<R>('tableMapValues', options, common => ({
      ...common,
      kind: 'tableMapValues',
      mapsAbsent: false,
      mapper,
    }))
  }

  /**
   * Another value for each row; null for none. The transformer is called with null for rows that are deleted.
   * @throws TickerError TOPOLOGY_SERDE_MISSING, if it is to be stored
   *
   * @example
   * ```ts
   * builder
   *   .table('names', { key: long, value: string })
   *   .transformValues(name => name ?? 'nobody')
   *   .toStream()
   *   .forEach((name, id) => console.log(id, name))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('names', { key: 7, value: 'anna', timestamp: 0 })
   * await driver.pipe('names', { key: 7, value: null, timestamp: 1 })
   * // → 7 anna
   * // → 7 nobody
   * ```
   */
  transformValues<R>(
    transformer: (value: V | null, key: K) => R | null,
    options: Materialized<R> = {},
  ): KTable<K, R> {
    return this.#follow<R>('tableMapValues', options, common => ({
      ...common,
      kind: 'tableMapValues',
      mapsAbsent: true,
      mapper: transformer,
    }))
  }

  /**
   * Groups the rows by another key, each with a value for its group; rows whose group or value is null are in none. What is
   * built on it is repartitioned, through a topic named after it. This table is stored if it is not yet, because a row's
   * old value must be taken from its old group.
   * @throws TickerError TOPOLOGY_SERDE_MISSING
   *
   * @example
   * ```ts
   * builder
   *   .table('rooms', { key: string, value: string })
   *   .groupBy((room, person) => [room, person], { key: string, value: string })
   *   .count('people')
   *   .toStream()
   *   .forEach((people, room) => console.log(room, people))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('rooms', { key: 'anna', value: 'kitchen', timestamp: 0 })
   * await driver.pipe('rooms', { key: 'bert', value: 'kitchen', timestamp: 1 })
   * // → kitchen 1
   * // → kitchen 2
   * ```
   */
  groupBy<L, R>(
    mapper: (value: V, key: K) => readonly [key: L | null, value: R | null],
    serdes: Serdes<L, R>,
  ): GroupedTable<L, R> {
    const name = this.#builder.nextName('tableGroupBy')
    const { key } = storeSpec(name, serdes)
    const from = this.#builder.add({ kind: 'tableGroupBy', name, inputs: [this.from], key, mapper })
    return new GroupedTable<L, R>(this.#builder, from, serdes)
  }

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

  /**
   * Holds updates back: `untilWindowCloses()`, so that each window's result comes out once and final, or
   * `untilTimeLimit('5 m')`, so that at most the last of each key's updates in that time does. Time is the greatest timestamp
   * of the updates that came in. What comes out at once is in order of time (of the window's end, of the first update held),
   * then of key bytes, with the timestamp of the last update. Deletions of windows that never came out do not come out.
   *
   * Creates the store `name` with its changelog topic.
   * @throws TickerError TOPOLOGY_SUPPRESS_INVALID, TOPOLOGY_SERDE_MISSING; SUPPRESSION_FULL when it runs, if the limits say
   *   so
   *
   * @example
   * ```ts
   * builder
   *   .stream('pulses', { key: string, value: long })
   *   .groupByKey()
   *   .window('per-minute', tumbling({ size: '1 m', grace: '5 s' }))
   *   .count()
   *   .suppress('final', untilWindowCloses())
   *   .toStream()
   *   .forEach((count, { key, start }) => console.log(key, start, count))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 0 })
   * await driver.pipe('pulses', { key: 'anna', value: 91, timestamp: 1000 })
   * await driver.pipe('pulses', { key: 'bert', value: 80, timestamp: 65_000 })
   * // → anna 0 2
   * ```
   */
  suppress(name: string, suppression: Suppression): KTable<K, V> {
    const { wait = this.#builder.timeToClose(name, this.from), ...limits } = suppression
    const isFinal = suppression.wait === undefined
    const from = this.#builder.add({
      kind: 'suppress',
      name,
      inputs: [this.from],
      store: storeSpec(name, this.known),
      ...limits,
      wait,
      isFinal,
      // Only tables of windowed keys have a time to close.
      timeOf: isFinal ? ({ end }: Windowed<unknown>) => end : (_, timestamp) => timestamp,
    })
    return new KTable<K, V>(this.#builder, { from, known: this.known })
  }

  /**
   * The table's updates as a stream; a deletion is a record whose value is null. Creates nothing.
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
  toStream(): KStream<K, V | null>
  /**
   * The table's updates as a stream with other keys: grouping or joining it repartitions it first.
   *
   * @example
   * ```ts
   * builder
   *   .table('rooms', { key: string, value: string })
   *   .toStream((room, person) => `${person}@${room}`)
   *   .forEach((room, place) => console.log(place))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('rooms', { key: 'anna', value: 'kitchen', timestamp: 0 })
   * // → anna@kitchen
   * ```
   */
  toStream<L>(
    mapper: (value: V | null, key: K) => L,
    serdes?: { key?: Serdes<L, V>['key'] },
  ): KStream<L, V | null>
  toStream<L>(
    mapper?: (value: V | null, key: K) => L,
    serdes?: { key?: Serdes<L, V>['key'] },
  ): KStream<K, V | null> | KStream<L, V | null> {
    const name = this.#builder.nextName('tableToStream')
    const from = this.#builder.add({ kind: 'tableToStream', name, inputs: [this.from] })
    const stream = new KStream<K, V | null>(this.#builder, from, this.known)
    return mapper === undefined ? stream : stream.selectKey(mapper, serdes)
  }

  #join<R>(
    name: string,
    other: Partitioned<K, unknown>,
    join: { left: boolean; right: boolean; joiner(left: unknown, right: unknown): unknown },
    options: Materialized<R>,
  ): KTable<K, R> {
    const { left: keepsLeft, right: keepsRight, joiner } = join
    const key = this.known.key ?? other.known.key
    const store = this.#store(options, key)
    const inputs = [this.from, other.from]
    const from = this.#builder.add({ kind: 'tableJoin', name, inputs, store, keepsLeft, keepsRight, joiner })
    return new KTable<K, R>(this.#builder, {
      from,
      known: { key, value: options.value, keyChanged: false },
    })
  }

  #joinByForeignKey<L, W, R>(
    name: string,
    other: KTable<L, W>,
    options: ForeignKeyed<K, V, L, W, R>,
    keepsLeft: boolean,
  ): KTable<K, R> {
    const from = joinByForeignKey(this.#builder, name, { left: this, right: other, keepsLeft }, options)
    const known = { key: this.known.key, value: options.value, keyChanged: false }
    return new KTable<K, R>(this.#builder, { from, known })
  }

  /** A table made row by row of this one. */
  #follow<R>(
    kind: string,
    options: Materialized<R>,
    make: (common: {
      name: string
      inputs: readonly Output[]
      store: TableStoreSpec | undefined
    }) => GraphNode,
  ): KTable<K, R> {
    const { key } = this.known
    const node = make({
      name: this.#builder.nextName(kind),
      inputs: [this.from],
      store: this.#store(options, key),
    })
    const from = this.#builder.add(node)
    return new KTable<K, R>(this.#builder, { from, known: { key, value: options.value, keyChanged: false } })
  }

  #store<R>({ store, value }: Materialized<R>, key: Known<K, V>['key']): TableStoreSpec | undefined {
    return store === undefined ? undefined : storeSpec(store, { key, value })
  }
}

/** A table of aggregates per key and window. */
export class WindowedTable<K, V, L> extends KTable<Windowed<K>, V> {
  /** Records that came too late for at least one of their windows, once each, as they came. */
  readonly late: KStream<K, L>

  constructor(builder: TopologyBuilder, at: Partitioned<Windowed<K>, V>, late: KStream<K, L>) {
    super(builder, at)
    this.late = late
  }
}
