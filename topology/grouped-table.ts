/** Tables taken by group. */
import type { Serdes, TopologyBuilder } from './builder.ts'
import { changeSerde } from './change.ts'
import { checkName, type Output } from './graph.ts'
import { storeSpec } from './materialized.ts'
import type { GroupedTableAggregateNode } from './nodes/tables.ts'
import { long, type Serde } from './serde.ts'
import { KTable } from './table.ts'

/**
 * A table's rows by group. Its aggregates follow the table: when a row changes, what it was before is taken away from its
 * group and what it is now is added to its group. If that is the same group, one update comes out, else the old group's
 * first; an update has the greater timestamp of the row's and the aggregate's before.
 *
 * What is built on it goes through a repartition topic `<name>-repartition`, and is kept in the store `name`, with its
 * changelog topic.
 */
export class GroupedTable<K, V> {
  readonly #builder: TopologyBuilder
  readonly #from: Output
  readonly #serdes: Serdes<K, V>

  constructor(builder: TopologyBuilder, from: Output, serdes: Serdes<K, V>) {
    this.#builder = builder
    this.#from = from
    this.#serdes = serdes
  }

  /**
   * The number of rows in each group, 0 if all have left it.
   * @param name of the store, its changelog topic and its repartition topic
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
   * await driver.pipe('rooms', { key: 'anna', value: 'garden', timestamp: 1 })
   * // → kitchen 1
   * // → kitchen 0
   * // → garden 1
   * ```
   */
  count(name: string): KTable<K, number> {
    return this.aggregate(name, {
      initial: () => 0,
      add: count => count + 1,
      subtract: count => count - 1,
      value: long,
    })
  }

  /**
   * Combines the values of a group; the first one is taken as it is.
   * @param name of the store, its changelog topic and its repartition topic
   * @param reducers a null result deletes the group
   * @throws TickerError TOPOLOGY_SERDE_MISSING
   *
   * @example
   * ```ts
   * builder
   *   .table('salaries', { key: string, value: json<{ department: string; salary: number }>() })
   *   .groupBy(({ department, salary }) => [department, salary], { key: string, value: long })
   *   .reduce('budgets', { add: (sum, salary) => sum + salary, subtract: (sum, salary) => sum - salary })
   *   .toStream()
   *   .forEach((budget, department) => console.log(department, budget))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('salaries', { key: 'anna', value: { department: 'research', salary: 50 }, timestamp: 0 })
   * await driver.pipe('salaries', { key: 'bert', value: { department: 'research', salary: 40 }, timestamp: 1 })
   * await driver.pipe('salaries', { key: 'anna', value: { department: 'research', salary: 60 }, timestamp: 2 })
   * // → research 50
   * // → research 90
   * // → research 100
   * ```
   */
  reduce(
    name: string,
    reducers: { add(sum: V, value: V): V | null; subtract(sum: V, value: V): V | null },
  ): KTable<K, V> {
    // Null is what a reduction begins with: it has no value of its own.
    return this.#add<V>(name, this.#serdes.value, {
      initial: () => null,
      add: (sum: V | null, value: V) => (sum === null ? value : reducers.add(sum, value)),
      subtract: (sum: V, value: V) => reducers.subtract(sum, value),
    })
  }

  /**
   * An aggregate of the values of a group, of whatever type; a null result deletes it, and the next value begins anew.
   * @param name of the store, its changelog topic and its repartition topic
   * @throws TickerError TOPOLOGY_SERDE_MISSING
   *
   * @example
   * ```ts
   * builder
   *   .table('rooms', { key: string, value: string })
   *   .groupBy((room, person) => [room, person], { key: string, value: string })
   *   .aggregate<readonly string[]>('people', {
   *     initial: () => [],
   *     add: (people, person) => [...people, person],
   *     subtract: (people, person) => people.filter(each => each !== person),
   *     value: json<readonly string[]>(),
   *   })
   *   .toStream()
   *   .forEach((people, room) => console.log(room, people))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('rooms', { key: 'anna', value: 'kitchen', timestamp: 0 })
   * await driver.pipe('rooms', { key: 'bert', value: 'kitchen', timestamp: 1 })
   * await driver.pipe('rooms', { key: 'anna', value: null, timestamp: 2 })
   * // → kitchen [ 'anna' ]
   * // → kitchen [ 'anna', 'bert' ]
   * // → kitchen [ 'bert' ]
   * ```
   */
  aggregate<A>(
    name: string,
    aggregator: {
      initial(): A
      add(aggregate: A, value: V, key: K): A | null
      subtract(aggregate: A, value: V, key: K): A | null
      value: Serde<NonNullable<A>>
    },
  ): KTable<K, A> {
    return this.#add<A>(name, aggregator.value, {
      initial: () => aggregator.initial(),
      add: (aggregate: A, value: V, key: K) => aggregator.add(aggregate, value, key),
      subtract: (aggregate: A, value: V, key: K) => aggregator.subtract(aggregate, value, key),
    })
  }

  #add<A>(
    name: string,
    value: Serde<NonNullable<A>> | undefined,
    functions: Pick<GroupedTableAggregateNode, 'initial' | 'add' | 'subtract'>,
  ): KTable<K, A> {
    checkName(name, 'aggregation')
    const through = storeSpec(name, this.#serdes)
    const { key } = this.#serdes
    const partitioned = this.#builder.add({
      kind: 'repartition',
      name: `${name}-repartition`,
      inputs: [this.#from],
      key: through.key,
      value: changeSerde(through.value),
      partitions: undefined,
    })
    const store = storeSpec(name, { key, value })
    const from = this.#builder.add({
      kind: 'groupedTableAggregate',
      name,
      inputs: [partitioned],
      store,
      ...functions,
    })
    return new KTable<K, A>(this.#builder, { from, known: { key, value, keyChanged: false } })
  }
}
