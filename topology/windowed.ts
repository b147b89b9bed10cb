/** Streams taken by key and window, and what is made of them. */
import type { Known, Serdes, TopologyBuilder } from './builder.ts'
import { type Duration, milliseconds } from './duration.ts'
import { TickerError } from './errors.ts'
import type { Output } from './graph.ts'
import type { Partitioned } from './grouped.ts'
import { storeSpec } from './materialized.ts'
import type { Adder, WindowAggregateNode } from './nodes/aggregations.ts'
import { long, type Serde } from './serde.ts'
import { KStream } from './stream.ts'
import { WindowedTable } from './table.ts'
import { windowedSerde } from './windowed-serde.ts'
import {
  leastRetention,
  type SessionWindows,
  type TimeWindows,
  type Windowed,
  type WindowSamples,
  type Windows,
} from './windows.ts'

/** The fields of `V` that hold numbers: those a window can collect. */
export type NumericField<V> = {
  [F in keyof V & string]: NonNullable<V[F]> extends number ? F : never
}[keyof V & string]

/** Whose time says which windows are closed: see `GroupedStream.window`. */
export type WindowClock = 'operator' | 'perKey'

/** What a window operator is built of. */
export interface WindowOptions<K, V, W> {
  readonly name: string
  readonly windows: W
  readonly clock: WindowClock
  readonly idle?: Duration | undefined
  readonly partition: (name: string) => Partitioned<K, V>
}

export interface WindowResultOptions {
  /**
   * `update` (the default): every change of an aggregate is handed on. `close`: a window's aggregate is handed on once, when
   * its clock has passed end + grace and no record can change it any more; by start (sessions: by end, then start), then
   * by the key's bytes.
   */
  readonly emit?: 'update' | 'close'
  /** How long a window is kept, from its start (a session: from its end); at least, and by default, as long as it takes records. */
  readonly retention?: Duration
}

/**
 * How values become an aggregate per window. Aggregates are not changed in place, `add` answers with another one; but in
 * tumbling and hopping windows with `emit: 'close'`, where nobody is told of an aggregate before its last change, `add` may
 * change the one it is given and answer with it. `initial` then answers with a new one each time.
 */
export interface WindowAggregator<K, V, A> {
  /** What an aggregate begins with. */
  initial(): A
  /** A null result deletes the aggregate; the next value begins anew. */
  add(aggregate: A, value: V, key: K): A | null
  /** Makes one aggregate of two, when a record joins two sessions. */
  merge?(one: A, other: A, key: K): A
  readonly value: Serde<NonNullable<A>>
}

/** Sessions need `merge`. */
type Merging<W, K, A> = W extends SessionWindows
  ? { merge(one: A, other: A, key: K): A }
  : { merge?(one: A, other: A, key: K): A }

/**
 * A stream grouped by key and window. Records without a key are dropped. Records without a value are aggregated like others,
 * as in Kafka Streams, except in sliding windows, which drop them. What came too late for a window is in the result's
 * stream `late`.
 *
 * Each of its operators creates a store of the window's name, with its changelog topic, and a repartition topic if the key
 * may have changed.
 */
export class WindowedStream<K, V, W extends Windows = Windows> {
  readonly #builder: TopologyBuilder
  readonly #options: WindowOptions<K, V, W>

  constructor(builder: TopologyBuilder, options: WindowOptions<K, V, W>) {
    this.#builder = builder
    this.#options = options
  }

  /**
   * The number of records.
   * @throws TickerError TOPOLOGY_RETENTION_TOO_SHORT, TOPOLOGY_WINDOW_INVALID, TOPOLOGY_SERDE_MISSING
   *
   * @example Each window once, when it is over, and what came too late for it
   * ```ts
   * const counts = builder
   *   .stream('pulses', { key: string, value: long })
   *   .groupByKey()
   *   .window('per-minute', tumbling({ size: '1 m', grace: '5 s' }))
   *   .count({ emit: 'close' })
   * counts.toStream().forEach((count, { key, start }) => console.log(key, start, count))
   * counts.late.forEach((pulse, watch, timestamp) => console.log('late', watch, timestamp))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 10_000 })
   * await driver.pipe('pulses', { key: 'anna', value: 91, timestamp: 20_000 })
   * await driver.pipe('pulses', { key: 'anna', value: 92, timestamp: 65_000 })
   * await driver.pipe('pulses', { key: 'anna', value: 93, timestamp: 30_000 })
   * // → anna 0 2
   * // → late anna 30000
   * ```
   */
  count(options: WindowResultOptions = {}): WindowedTable<K, number, V> {
    const aggregator = {
      initial: () => 0,
      add: (count: number) => count + 1,
      merge: (one: number, other: number) => one + other,
    }
    return this.#aggregate<number>(this.#partition(), { ...aggregator, value: long }, options)
  }

  /**
   * Combines the values; a window's first one is taken as it is.
   * @param reducer a null result deletes the aggregate; its second argument is null for a record without a value
   * @throws TickerError TOPOLOGY_RETENTION_TOO_SHORT, TOPOLOGY_WINDOW_INVALID, TOPOLOGY_SERDE_MISSING
   *
   * @example
   * ```ts
   * builder
   *   .stream('pulses', { key: string, value: long })
   *   .groupByKey()
   *   .window('greatest', tumbling({ size: '1 m', grace: '5 s' }))
   *   .reduce((greatest, pulse) => Math.max(greatest, pulse ?? 0))
   *   .toStream()
   *   .forEach((greatest, { key, start, end }) => console.log(key, start, end, greatest))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 10_000 })
   * await driver.pipe('pulses', { key: 'anna', value: 120, timestamp: 20_000 })
   * // → anna 0 60000 90
   * // → anna 0 60000 120
   * ```
   */
  reduce(
    reducer: (sum: NonNullable<V>, value: V) => V | null,
    options: WindowResultOptions = {},
  ): WindowedTable<K, NonNullable<V>, V> {
    // Null is what a reduction begins with: it has no value of its own.
    const add = (sum: NonNullable<V> | null, value: V): V | null =>
      sum === null ? value : reducer(sum, value)
    const partitioned = this.#partition()
    const { value } = partitioned.known
    return this.#aggregate<NonNullable<V>>(
      partitioned,
      { initial: () => null, add, merge: add, value },
      options,
    )
  }

  /**
   * An aggregate of whatever type. An update's timestamp is the greatest of its records', a session's is its end.
   * @throws TickerError TOPOLOGY_RETENTION_TOO_SHORT, TOPOLOGY_WINDOW_INVALID, TOPOLOGY_SERDE_MISSING
   *
   * @example Sessions, which need to know how two of them become one
   * ```ts
   * builder
   *   .stream('visits', { key: string, value: string })
   *   .groupByKey()
   *   .window('tours', session({ gap: '30 m', grace: 0 }))
   *   .aggregate<readonly string[]>({
   *     initial: () => [],
   *     add: (pages, page) => [...pages, page ?? ''],
   *     merge: (one, other) => [...one, ...other],
   *     value: json<readonly string[]>(),
   *   })
   *   .toStream()
   *   .forEach((pages, { key, end }) => console.log(key, end, pages))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('visits', { key: 'anna', value: '/home', timestamp: 0 })
   * await driver.pipe('visits', { key: 'anna', value: '/news', timestamp: 60_000 }) // takes the place of the one before
   * // → anna 0 [ '/home' ]
   * // → anna 0 null
   * // → anna 60000 [ '/home', '/news' ]
   * ```
   */
  aggregate<A>(
    aggregator: WindowAggregator<K, V, A> & Merging<W, K, A>,
    options: WindowResultOptions = {},
  ): WindowedTable<K, A, V> {
    return this.#aggregate<A>(this.#partition(), aggregator, options)
  }

  /**
   * Keeps the named fields of each record once, in panes of gcd(size, advance), and hands on each window's samples when it
   * closes: once, in order of its start (then of key bytes), with the greatest timestamp of its samples. Emits only
   * windows that hold a sample. For tumbling and hopping windows.
   *
   * A record that came too late for at least one of its windows is also in the stream `late`, once; a record without a key
   * is dropped; one without a value is not a sample.
   *
   * @param options.endsKey says of a value that its key's records end here: the record is no sample; the key's open windows
   *   close as if its clock had passed them, and what comes for them afterwards is late. Needs `clock: 'perKey'`.
   * @throws TickerError TOPOLOGY_SERDE_MISSING; TOPOLOGY_WINDOW_INVALID when built, if `endsKey` is given without a clock
   *   per key
   *
   * @example
   * ```ts
   * builder
   *   .stream('motion', { key: string, value: json<{ x: number; y: number }>() })
   *   .groupByKey()
   *   .window('gestures', hopping({ size: '2 s', advance: '1 s', grace: 0 }), { clock: 'perKey' })
   *   .collect(['x', 'y'])
   *   .mapWindows('paths', (samples, { start }) => `${start}: ${samples.column('x').join(' ')}`)
   *   .forEach((path, watch) => console.log(watch, path))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('motion', { key: 'anna', value: { x: 1, y: 0 }, timestamp: 500 })
   * await driver.pipe('motion', { key: 'anna', value: { x: 2, y: 0 }, timestamp: 1500 })
   * await driver.pipe('motion', { key: 'anna', value: { x: 3, y: 0 }, timestamp: 3000 })
   * // → anna 0: 1 2
   * // → anna 1000: 2
   * ```
   */
  collect<F extends NumericField<NonNullable<V>>>(
    this: WindowedStream<K, V, TimeWindows>,
    fields: readonly F[],
    options: { endsKey?: (value: V) => boolean } = {},
  ): CollectedStream<K, V, F> {
    const { name, windows, clock, idle, partition } = this.#options
    if (windows.kind !== 'time')
      throw new TickerError(
        'TOPOLOGY_WINDOW_INVALID',
        `${name}: a ${windows.kind} window collects no samples`,
      )
    const { from, known } = partition(name)
    const { key } = storeSpec(name, { key: known.key, value: long })
    const { endsKey } = options
    const out = this.#builder.add({
      kind: 'collect',
      name,
      inputs: [from],
      store: name,
      key,
      windows,
      clock,
      idle: idle === undefined ? undefined : milliseconds(idle),
      fields,
      endsKey,
    })
    return new CollectedStream(this.#builder, out, known)
  }

  #partition(): Partitioned<K, V> {
    const { name, partition } = this.#options
    return partition(name)
  }

  #aggregate<A>(
    { from, known }: Partitioned<K, V>,
    aggregator: Adder & Merger & Serdes<K, A> & { initial(): unknown },
    options: WindowResultOptions,
  ): WindowedTable<K, A, V> {
    const { name, windows, clock, idle } = this.#options
    const { initial, merge, value } = aggregator
    return windowedTable<K, A, V>(this.#builder, {
      ...{ name, windows, clock, idle, options, late: known },
      ...{ inputs: [from], key: known.key, value, initial, merge, adders: [aggregator] },
    })
  }
}

/** Streams grouped together, by key and window. */
export class WindowedCogroupedStream<K, A, W extends Windows = Windows> {
  readonly #builder: TopologyBuilder
  readonly #options: Omit<WindowOptions<K, unknown, W>, 'partition'>
  readonly #inputs: CogroupedInputs<K>

  constructor(
    builder: TopologyBuilder,
    options: Omit<WindowOptions<K, unknown, W>, 'partition'>,
    inputs: CogroupedInputs<K>,
  ) {
    this.#builder = builder
    this.#options = options
    this.#inputs = inputs
  }

  /**
   * One aggregate per key and window of all the streams, updated with each record of any of them. As in Kafka Streams each
   * stream has its own time, unless there is a clock per key: one that lags behind the others is not late for that. What
   * lags behind the store's retention is.
   * @throws TickerError TOPOLOGY_RETENTION_TOO_SHORT, TOPOLOGY_WINDOW_INVALID, TOPOLOGY_SERDE_MISSING;
   *   TOPOLOGY_NOT_COPARTITIONED when started
   *
   * @example
   * ```ts
   * const steps = builder.stream('steps', { key: string, value: long }).groupByKey()
   * const climbs = builder.stream('climbs', { key: string, value: long }).groupByKey()
   * steps
   *   .cogroup<number>((points, count) => points + (count ?? 0))
   *   .cogroup(climbs, (points, floors) => points + 20 * (floors ?? 0))
   *   .window('points', session({ gap: '10 m', grace: 0 }))
   *   .aggregate({ initial: () => 0, merge: (one, other) => one + other, value: long })
   *   .toStream()
   *   .forEach((points, { key, start, end }) => console.log(key, start, end, points))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('steps', { key: 'anna', value: 12, timestamp: 0 })
   * await driver.pipe('climbs', { key: 'anna', value: 1, timestamp: 1000 })
   * // → anna 0 0 12
   * // → anna 0 0 null
   * // → anna 0 1000 32
   * ```
   */
  aggregate(
    aggregator: Pick<WindowAggregator<K, unknown, A>, 'initial' | 'value'> & Merging<W, K, A>,
    options: Pick<WindowResultOptions, 'retention'> = {},
  ): WindowedTable<K, A, unknown> {
    const { partitioned, adders } = this.#inputs
    const key = partitioned.find(({ known }) => known.key !== undefined)?.known.key
    const { initial, value, merge }: Merger & typeof aggregator = aggregator
    return windowedTable<K, A, unknown>(this.#builder, {
      ...{ ...this.#options, options, key, value, adders, initial, merge },
      inputs: partitioned.map(({ from }) => from),
      late: { key, keyChanged: false },
    })
  }
}

export interface CogroupedInputs<K> {
  readonly partitioned: readonly Partitioned<K, unknown>[]
  readonly adders: readonly Adder[]
}

type Merger = Pick<WindowAggregateNode, 'merge'>

/** Adds the node of an aggregation per window. */
function windowedTable<K, A, L>(
  builder: TopologyBuilder,
  aggregation: Pick<
    WindowAggregateNode,
    'name' | 'windows' | 'clock' | 'inputs' | 'adders' | 'initial' | 'merge'
  > &
    Serdes<K, A> & { idle?: Duration | undefined; options: WindowResultOptions; late: Known<K, L> },
): WindowedTable<K, A, L> {
  const { name, windows, clock, inputs, adders, initial, merge, options } = aggregation
  const { emit = 'update' } = options
  const idle = aggregation.idle === undefined ? undefined : milliseconds(aggregation.idle)
  if (idle !== undefined && emit === 'update')
    throw new TickerError(
      'TOPOLOGY_WINDOW_INVALID',
      `${name}: idle time closes windows, and only emit: 'close' hands on what closes`,
    )
  if (emit === 'close' && windows.kind === 'unlimited')
    throw new TickerError('TOPOLOGY_WINDOW_INVALID', `${name}: an unlimited window never closes`)
  if (windows.kind === 'session' && merge === undefined)
    throw new TickerError(
      'TOPOLOGY_WINDOW_INVALID',
      `${name}: sessions need to know how to merge two aggregates`,
    )
  const { key, value } = storeSpec(name, aggregation)
  const retention = retentionOf(name, windows, options.retention)
  const node: WindowAggregateNode = {
    ...{ kind: 'windowAggregate', name, inputs, store: name, key, value, windows, clock, emit, retention },
    ...{ idle, initial, adders, merge },
  }
  const from = builder.add(node)
  const windowed = windowedSerde(aggregation.key!, windows)
  const known = { key: windowed, value: aggregation.value, keyChanged: false }
  const late = new KStream<K, L>(builder, builder.output(name, 'late'), aggregation.late)
  return new WindowedTable<K, A, L>(builder, { from, known }, late)
}

/** @throws TickerError TOPOLOGY_RETENTION_TOO_SHORT */
function retentionOf(name: string, windows: Windows, given: Duration | undefined): number {
  const least = leastRetention(windows)
  if (given === undefined) return least
  const retention = milliseconds(given, `${name}, retention`)
  if (retention < least)
    throw new TickerError(
      'TOPOLOGY_RETENTION_TOO_SHORT',
      `${name}: keeps windows for ${retention} ms, but they take records for ${least} ms`,
    )
  return retention
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
    this.late = new KStream(builder, builder.output(from.node, 'late'), known)
  }

  /**
   * Makes a value of each closed window. The samples are a view, valid during the call; the key stays the record's own.
   * `window` tells key, start and end. The result has the timestamp of the last sample.
   *
   * @example
   * ```ts
   * const minutes = builder
   *   .stream('pulses', { key: string, value: json<{ pulse: number }>() })
   *   .groupByKey()
   *   .window('minutes', tumbling({ size: '1 m', grace: 0 }))
   *   .collect(['pulse'])
   * minutes
   *   .mapWindows('means', samples => samples.column('pulse').reduce((sum, pulse) => sum + pulse) / samples.count)
   *   .forEach((mean, watch, timestamp) => console.log(watch, mean, timestamp))
   * minutes.late.forEach((reading, watch) => console.log('late', watch, reading))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: { pulse: 90 }, timestamp: 10_000 })
   * await driver.pipe('pulses', { key: 'anna', value: { pulse: 100 }, timestamp: 20_000 })
   * await driver.pipe('pulses', { key: 'anna', value: { pulse: 80 }, timestamp: 60_000 })
   * await driver.pipe('pulses', { key: 'anna', value: { pulse: 70 }, timestamp: 30_000 })
   * // → anna 95 20000
   * // → late anna { pulse: 70 }
   * ```
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
