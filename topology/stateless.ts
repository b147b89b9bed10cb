/** What a stream can do without state: record by record. */
import type { Known, Serdes, TopologyBuilder } from './builder.ts'
import { TickerError } from './errors.ts'
import type { GraphNode, Output } from './graph.ts'
import type { Headers } from './log/log.ts'
import type { KStream } from './stream.ts'

/**
 * The stateless operators of `KStream`. They create no topic and no store and have no time of their own: what comes out has
 * the timestamp and the headers of the record it was made of. A function of the application's that throws is a failure of
 * its record: the node ends (PROCESSING_FAILED), unless its `onFailure` says otherwise.
 */
export abstract class StatelessOperators<K, V> {
  protected readonly builder: TopologyBuilder
  protected readonly from: Output
  protected readonly known: Known<K, V>

  constructor(builder: TopologyBuilder, from: Output, known: Known<K, V>) {
    this.builder = builder
    this.from = from
    this.known = known
  }

  /** A stream of the main output of a node, which is added to the topology. */
  protected abstract follow<L, R>(node: GraphNode, known: Known<L, R>): KStream<L, R>

  /** A stream of one of a node's outputs. */
  protected abstract at(from: Output): KStream<K, V>

  /**
   * Hands on the records for which the predicate holds. One that tells types apart narrows the stream's.
   *
   * @example
   * ```ts
   * const pulses = builder.stream('pulses', { key: string, value: long }).filter(pulse => pulse !== null)
   * pulses.filter(pulse => pulse > 100).forEach((pulse, watch) => console.log(watch, pulse))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 0 })
   * await driver.pipe('pulses', { key: 'anna', value: 120, timestamp: 1000 })
   * // → anna 120
   * ```
   */
  filter<R extends V>(predicate: (value: V, key: K) => value is R): KStream<K, R>
  filter(predicate: (value: V, key: K) => boolean): KStream<K, V>
  filter(predicate: (value: V, key: K) => boolean): KStream<K, V> {
    return this.follow(
      { kind: 'filter', name: this.name('filter'), inputs: [this.from], predicate },
      this.known,
    )
  }

  /**
   * Hands on the records for which the predicate does not hold.
   *
   * @example
   * ```ts
   * const pulses = builder.stream('pulses', { key: string, value: long })
   * pulses.filterNot((_, watch) => watch === 'test').forEach((pulse, watch) => console.log(watch, pulse))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'test', value: 90, timestamp: 0 })
   * await driver.pipe('pulses', { key: 'anna', value: 91, timestamp: 1000 })
   * // → anna 91
   * ```
   */
  filterNot(predicate: (value: V, key: K) => boolean): KStream<K, V> {
    return this.filter((value, key) => !predicate(value, key))
  }

  /**
   * Another value for each record. The key stays, so what was partitioned stays partitioned.
   *
   * @example
   * ```ts
   * builder
   *   .stream('names', { key: long, value: string })
   *   .mapValues(name => name?.toUpperCase())
   *   .forEach((name, id) => console.log(id, name))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('names', { key: 7, value: 'anna', timestamp: 0 })
   * // → 7 ANNA
   * ```
   */
  mapValues<R>(mapper: (value: V, key: K) => R, options: { name?: string } = {}): KStream<K, R> {
    const name = options.name ?? this.name('mapValues')
    const { key, keyChanged } = this.known
    return this.follow<K, R>({ kind: 'mapValues', name, inputs: [this.from], mapper }, { key, keyChanged })
  }

  /**
   * Another key and value for each record: grouping or joining what comes out repartitions it.
   * @param serdes of both, where what follows needs them
   *
   * @example
   * ```ts
   * builder
   *   .stream('visits', { key: string, value: string })
   *   .map((page, visitor) => [page, visitor])
   *   .forEach((visitor, page) => console.log(page, visitor))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('visits', { key: 'anna', value: '/home', timestamp: 0 })
   * // → /home anna
   * ```
   */
  map<L, R>(
    mapper: (value: V, key: K) => readonly [key: L, value: R],
    serdes: Serdes<L, R> = {},
  ): KStream<L, R> {
    return this.flatMap((value, key) => [mapper(value, key)], serdes)
  }

  /**
   * Another key for each record: grouping or joining what comes out repartitions it.
   *
   * @example
   * ```ts
   * builder
   *   .stream('visits', { key: string, value: string })
   *   .selectKey(page => page?.length)
   *   .forEach((page, length) => console.log(length, page))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('visits', { key: 'anna', value: '/home', timestamp: 0 })
   * // → 5 /home
   * ```
   */
  selectKey<L>(mapper: (value: V, key: K) => L, serdes: { key?: Serdes<L, V>['key'] } = {}): KStream<L, V> {
    return this.map((value, key) => [mapper(value, key), value], { key: serdes.key, value: this.known.value })
  }

  /**
   * Any number of records for each one, with other keys: grouping or joining what comes out repartitions it.
   *
   * @example
   * ```ts
   * builder
   *   .stream('texts', { key: string, value: string })
   *   .flatMap((text, author) => (text ?? '').split(' ').map(word => [word, author]))
   *   .forEach((author, word) => console.log(word, author))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('texts', { key: 'anna', value: 'good morning', timestamp: 0 })
   * // → good anna
   * // → morning anna
   * ```
   */
  flatMap<L, R>(
    mapper: (value: V, key: K) => Iterable<readonly [key: L, value: R]>,
    serdes: Serdes<L, R> = {},
  ): KStream<L, R> {
    return this.follow<L, R>(
      { kind: 'flatMap', name: this.name('flatMap'), inputs: [this.from], mapper },
      { ...serdes, keyChanged: true },
    )
  }

  /**
   * Any number of values for each record; the key stays.
   *
   * @example
   * ```ts
   * builder
   *   .stream('texts', { key: string, value: string })
   *   .flatMapValues(text => (text ?? '').split(' '))
   *   .forEach((word, author) => console.log(author, word))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('texts', { key: 'anna', value: 'good morning', timestamp: 0 })
   * // → anna good
   * // → anna morning
   * ```
   */
  flatMapValues<R>(mapper: (value: V, key: K) => Iterable<R>): KStream<K, R> {
    const { key, keyChanged } = this.known
    return this.follow<K, R>(
      { kind: 'flatMapValues', name: this.name('flatMapValues'), inputs: [this.from], mapper },
      { key, keyChanged },
    )
  }

  /**
   * Looks at each record and hands it on unchanged. The action must not keep or change the value.
   *
   * @example
   * ```ts
   * builder
   *   .stream('pulses', { key: string, value: long })
   *   .peek((pulse, watch, timestamp) => console.log(`${watch}: ${pulse} at ${timestamp}`))
   *   .to('checked')
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 1000 })
   * // → anna: 90 at 1000
   * ```
   */
  peek(action: (value: V, key: K, timestamp: number, headers: Headers) => void): KStream<K, V> {
    return this.follow({ kind: 'peek', name: this.name('peek'), inputs: [this.from], action }, this.known)
  }

  /**
   * Ends here: each record is looked at. After a crash a record that was not committed is looked at again.
   *
   * @example
   * ```ts
   * builder.stream('pulses', { key: string, value: long }).forEach((pulse, watch) => console.log(watch, pulse))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 0 })
   * // → anna 90
   * ```
   */
  forEach(action: (value: V, key: K, timestamp: number, headers: Headers) => void): void {
    this.peek(action)
  }

  /**
   * Both streams' records, each in its own order. They run together from here on, so their topics need the same number of
   * partitions. A stream merged with itself is that stream.
   * @throws TickerError TOPOLOGY_FOREIGN; TOPOLOGY_NOT_COPARTITIONED when started
   *
   * @example
   * ```ts
   * const indoors = builder.stream('indoors', { key: string, value: long })
   * const outdoors = builder.stream('outdoors', { key: string, value: long })
   * indoors.merge(outdoors).forEach((pulse, watch) => console.log(watch, pulse))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('outdoors', { key: 'anna', value: 90, timestamp: 0 })
   * await driver.pipe('indoors', { key: 'bert', value: 80, timestamp: 1 })
   * // → anna 90
   * // → bert 80
   * ```
   */
  merge(other: KStream<K, V>): KStream<K, V> {
    const keyChanged = this.known.keyChanged || other.known.keyChanged
    return this.follow(
      { kind: 'merge', name: this.name('merge'), inputs: [...new Set([this.from, other.from])] },
      { ...this.known, keyChanged },
    )
  }

  /**
   * Named branches, a stream a name: a record goes to the first one whose predicate holds, else nowhere.
   * @throws TickerError TOPOLOGY_SPLIT_EMPTY
   *
   * @example
   * ```ts
   * const { fast, slow } = builder
   *   .stream('pulses', { key: string, value: long })
   *   .split('pace', { fast: pulse => (pulse ?? 0) > 100, slow: () => true })
   * fast.forEach(pulse => console.log('fast', pulse))
   * slow.forEach(pulse => console.log('slow', pulse))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 120, timestamp: 0 })
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 1 })
   * // → fast 120
   * // → slow 90
   * ```
   */
  split<B extends string>(
    name: string,
    branches: Readonly<Record<B, (value: V, key: K) => boolean>>,
  ): Readonly<Record<B, KStream<K, V>>> {
    const names = Object.keys(branches) as B[] // Object.keys forgets the type it was given
    if (names.length === 0) throw new TickerError('TOPOLOGY_SPLIT_EMPTY', `${name} has no branch`)
    this.builder.add({
      kind: 'split',
      name,
      inputs: [this.from],
      branches: names.map(output => ({ output, predicate: branches[output] })),
    })
    const streams = names.map(output => [output, this.at(this.builder.output(name, output))] as const)
    return Object.fromEntries(streams) as Record<B, KStream<K, V>> // as above
  }

  /**
   * A name for this place: a processor before it can forward to it alone (`forward` with `to`).
   * @throws TickerError TOPOLOGY_NAME_MISSING, TOPOLOGY_NAME_INVALID, TOPOLOGY_NAME_TAKEN when built
   *
   * @example
   * ```ts
   * const routed = builder.stream('numbers', { key: string, value: long }).process<string | null, number | null>('route', {
   *   processor: ({ forward }) => ({ key, value }) => forward({ key, value }, { to: (value ?? 0) % 2 ? 'odd' : 'even' }),
   * })
   * routed.named('odd').forEach(number => console.log('odd', number))
   * routed.named('even').forEach(number => console.log('even', number))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('numbers', { key: 'a', value: 7, timestamp: 0 })
   * // → odd 7
   * ```
   */
  named(name: string): KStream<K, V> {
    return this.follow({ kind: 'named', name, inputs: [this.from] }, this.known)
  }

  /** A name for an operator that is given none. */
  protected name(kind: string): string {
    return this.builder.nextName(kind)
  }
}
