/** Tables: the DSL's handle of a table, made by `builder.table`, `KStream.toTable` and aggregations. */
import type { Serdes, TopologyBuilder } from './builder.ts'
import type { GraphNode, Output } from './graph.ts'
import type { Partitioned } from './grouped.ts'
import { GroupedTable } from './grouped-table.ts'
import { type Materialized, materializedStore, storeSpec } from './materialized.ts'
import type { TableStoreSpec } from './nodes/tables.ts'
import type { StoreHandle, TableContents } from './processor.ts'
import { KStream } from './stream.ts'
import type { Suppression } from './suppressed.ts'
import { TableJoins } from './table-joins.ts'
import type { Windowed } from './windows.ts'

/**
 * A table of values `V` by key `K`, neither of which is null: a key that has no value is not in the table. What flows out of
 * it are its updates, in the order in which they were made; the timestamp of one is that of the record it came from, or
 * what the operator says of it.
 *
 * Operators that are given a `store` keep their result in it, with a changelog topic (`<application>-<store>-changelog`).
 */
export class KTable<K, V> extends TableJoins<K, V> {
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
    const name = this.builder.nextName('tableGroupBy')
    const { key } = storeSpec(name, serdes)
    const from = this.builder.add({ kind: 'tableGroupBy', name, inputs: [this.from], key, mapper })
    return new GroupedTable<L, R>(this.builder, from, serdes)
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
    const { wait = this.builder.timeToClose(name, this.from), ...limits } = suppression
    const isFinal = suppression.wait === undefined
    const from = this.builder.add({
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
    return new KTable<K, V>(this.builder, { from, known: this.known })
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
    const name = this.builder.nextName('tableToStream')
    const from = this.builder.add({ kind: 'tableToStream', name, inputs: [this.from] })
    const stream = new KStream<K, V | null>(this.builder, from, this.known)
    return mapper === undefined ? stream : stream.selectKey(mapper, serdes)
  }

  /**
   * The table's store, for processors to read: at a record, it holds what came to the task before. A processor connected with
   * it runs in the table's sub-topology, so its stream must be partitioned as the table is. A table that is read from a
   * topic is stored for that, in the store its operator names; another one needs a `store` of its own.
   * @throws TickerError TOPOLOGY_STORE_UNREADABLE when built, if the table has no store, or one of versions or windows
   *
   * @example
   * ```ts
   * const limits = builder.table('limits', { key: string, value: long })
   * builder
   *   .stream('pulses', { key: string, value: long })
   *   .processValues('alarm', {
   *     stores: { limits: limits.contents() },
   *     processor: ({ stores, forward }) => ({ key, value }) => {
   *       const limit = key === null ? undefined : stores.limits.get(key)
   *       if (value !== null && limit !== undefined && value > limit.value) forward({ value })
   *     },
   *   })
   *   .forEach((pulse, watch) => console.log(watch, pulse))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('limits', { key: 'anna', value: 100, timestamp: 0 })
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 1 })
   * await driver.pipe('pulses', { key: 'anna', value: 120, timestamp: 2 })
   * // → anna 120
   * ```
   */
  contents(): StoreHandle<TableContents<K, V>> {
    return { name: this.from.node, output: this.from }
  }

  protected override table<R>(
    from: Output,
    value: Serdes<K, R>['value'],
    key = this.known.key,
  ): KTable<K, R> {
    return new KTable<K, R>(this.builder, { from, known: { key, value, keyChanged: false } })
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
      name: this.builder.nextName(kind),
      inputs: [this.from],
      store: materializedStore(options, key),
    })
    const from = this.builder.add(node)
    return new KTable<K, R>(this.builder, { from, known: { key, value: options.value, keyChanged: false } })
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
