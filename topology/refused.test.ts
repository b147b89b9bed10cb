/** Every way to write a topology wrongly that the DSL or its building finds: with a code, whose operator it is, and what to do. */
import { describe, expect, it } from 'vitest'
import { KeyValueStore } from '../state/index.ts'
import {
  type ErrorCode,
  hopping,
  json,
  type KStream,
  long,
  plan,
  session,
  sliding,
  string,
  TickerError,
  TopologyBuilder,
  tumbling,
  unlimited,
  untilTimeLimit,
  untilWindowCloses,
  type Windows,
} from './index.ts'

const numbers = { key: string, value: long }
const window = { before: 5, after: 5, grace: 0 }
const pair = (left: unknown, right: unknown): string => `${left}+${right}`
const nothing = () => () => {}

type TopologyCode = Extract<ErrorCode, `TOPOLOGY_${string}`>
/** What is wrong, what names the place in the message, and how it is written. What it answers with is built. */
type Case = readonly [wrong: string, place: string, write: (builder: TopologyBuilder) => unknown]

const input = (builder: TopologyBuilder, topic = 'in') => builder.stream(topic, numbers)
/** A stream that does not know how it is serialized. */
const unknown = (builder: TopologyBuilder): KStream<string, string> =>
  input(builder).map((value, key) => [`${key}`, `${value}`])
const windowed = (builder: TopologyBuilder, windows: Windows, clock?: 'perKey') =>
  input(builder).groupByKey().window('windows', windows, { clock })
/** What the types refuse already: as JavaScript calls it. */
const untyped = (on: object, method: CallableFunction, ...values: unknown[]): unknown =>
  Reflect.apply(method, on, values)
const keyed = (name: string) => new KeyValueStore({ name, ...numbers })

const cases: Readonly<Record<TopologyCode, readonly Case[]>> = {
  TOPOLOGY_EMPTY: [['nothing is read', 'topology', () => {}]],
  TOPOLOGY_TOPIC_MISSING: [
    ['a source without a topic', 'a source', b => b.stream([], numbers)],
    ['a chosen topic out of none', 'a sink after source-in', b => input(b).to(() => 'out', { topics: [] })],
  ],
  TOPOLOGY_NAME_MISSING: [
    ['a topic', 'topic', b => input(b, '')],
    ['an aggregation', 'aggregation', b => input(b).groupByKey().count('')],
    [
      'a window',
      'window',
      b =>
        input(b)
          .groupByKey()
          .window('', tumbling({ size: 1, grace: 0 }))
          .count(),
    ],
    ['a join', 'join', b => input(b).join('', input(b, 'other'), pair, window)],
    ['a store', 'store', b => b.store('', keyed)],
    ['a split', 'split', b => input(b).split('', { all: () => true })],
    ['a processor', 'process', b => input(b).process('', { processor: nothing })],
    ['a suppression', 'store', b => b.table('in', numbers).suppress('', untilTimeLimit(1))],
    ['a repartition', 'repartition topic', b => input(b).repartition('')],
    ['a place', 'named', b => input(b).named('')],
  ],
  TOPOLOGY_NAME_INVALID: [
    ['a blank', '"a b"', b => input(b).groupByKey().count('a b')],
    ['a slash in a topic', '"a/b"', b => input(b).to('a/b')],
    ['a topic that Kafka cannot have', '".."', b => input(b, '..')],
    ['one too long', '"aaa', b => input(b).named('a'.repeat(201))],
    ['an application', '"my app"', b => input(b) && plan(b.build(), 'my app')],
    [
      'too long together',
      'sums',
      b =>
        input(b)
          .groupByKey()
          .count(`sums${'s'.repeat(50)}`) && plan(b.build(), 'a'.repeat(200)),
    ],
  ],
  TOPOLOGY_NAME_TAKEN: [
    [
      'two operators',
      'two operators are named twice',
      b =>
        input(b)
          .named('twice')
          .split('twice', { a: () => true }),
    ],
    [
      'two stores',
      'two stores are named n',
      b => b.table('in', { ...numbers, store: 'n' }).filter(() => true, { store: 'n' }),
    ],
    [
      'two repartition topics',
      'n-repartition',
      b => unknownKey(b).repartition('n') && unknownKey(b).groupByKey().count('n'),
    ],
  ],
  TOPOLOGY_SOURCE_TAKEN: [
    [
      'two streams that read differently',
      'in',
      b => [input(b), b.stream('in', { key: string, value: string })],
    ],
    ['two lists that overlap', 'in', b => [input(b), b.stream(['in', 'other'], numbers)]],
    ['two tables', 'in', b => [b.table('in', numbers), b.table('in', numbers)]],
    ['a stream and a table', 'in', b => [input(b), b.table('in', numbers)]],
    ['a stream and a global table', 'in', b => [input(b), b.globalTable('in', { ...numbers, store: 'g' })]],
    ['one twice in a list', 'in', b => b.stream(['in', 'in'], numbers)],
  ],
  TOPOLOGY_FOREIGN: [
    ['merged', 'merge-1: source-in', b => input(b, 'own').merge(input(new TopologyBuilder()))],
    ['merged, named alike', 'merge-1: source-in', b => input(b).merge(input(new TopologyBuilder()))],
    ['joined', 'joined: source-in', b => input(b).join('joined', input(new TopologyBuilder()), pair, window)],
    [
      'joined with a table',
      'joined: table-in',
      b => input(b).join('joined', new TopologyBuilder().table('in', numbers), pair),
    ],
    [
      'tables',
      'joined: table-in',
      b => b.table('in', numbers).join('joined', new TopologyBuilder().table('in', numbers), pair),
    ],
    [
      'a global table',
      'joined: global-g',
      b => {
        const global = new TopologyBuilder().globalTable('g', { ...numbers, store: 'g' })
        return input(b).join('joined', global, pair, { tableKey: () => 'k' })
      },
    ],
    [
      'grouped together',
      'sums: source-other',
      b =>
        input(b)
          .groupByKey()
          .cogroup<number>(sum => sum)
          .cogroup(input(new TopologyBuilder(), 'other').groupByKey(), sum => sum)
          .aggregate('sums', { initial: () => 0, value: long }),
    ],
  ],
  TOPOLOGY_SPLIT_EMPTY: [['no branch', 'paths', b => input(b).split('paths', {})]],
  TOPOLOGY_SERDE_MISSING: [
    ['a sink', 'sink-out', b => unknown(b).to('out')],
    ['a repartition', 'again', b => unknown(b).repartition('again')],
    ['a table', 'rows', b => unknown(b).toTable('rows')],
    ['an aggregation', 'sums', b => unknown(b).groupByKey().count('sums')],
    [
      'a window',
      'windows',
      b =>
        unknown(b)
          .groupByKey()
          .window('windows', tumbling({ size: 1, grace: 0 }))
          .count(),
    ],
    ['a join of streams', 'joined', b => input(b, 'other').join('joined', unknown(b), pair, window)],
    ['a stored view', 'texts', b => b.table('in', numbers).mapValues(String, { store: 'texts' })],
    [
      'a foreign-key join',
      'joined',
      b =>
        b
          .table('in', numbers)
          .mapValues(String)
          .foreignKeyJoin('joined', b.table('other', numbers), {
            foreignKey: text => text,
            joiner: pair,
            value: string,
          }),
    ],
    [
      'a suppression',
      'held',
      b => b.table('in', numbers).mapValues(String).suppress('held', untilTimeLimit(1)),
    ],
  ],
  TOPOLOGY_PARTITIONS_INVALID: [
    ['none', 'again', b => input(b).repartition('again', { partitions: 0 })],
    ['half a one', 'again', b => input(b).repartition('again', { partitions: 1.5 })],
  ],
  TOPOLOGY_NOT_COPARTITIONED: [
    [
      'a join of different numbers',
      'a-repartition 2, b-repartition 3',
      b =>
        input(b)
          .repartition('a', { partitions: 2 })
          .join('joined', input(b, 'other').repartition('b', { partitions: 3 }), pair, window),
    ],
  ],
  TOPOLOGY_DURATION_INVALID: [
    ['of a window', 'grace of tumbling windows', () => tumbling({ size: 10, grace: -1 })],
    ['of hopping windows', 'advance of hopping windows', () => hopping({ size: 10, advance: 0.5, grace: 0 })],
    ['of a session', 'gap of sessions', () => session({ gap: -1, grace: 0 })],
    [
      'of sliding windows',
      'difference of sliding windows',
      () => sliding({ difference: Number.NaN, grace: 0 }),
    ],
    [
      'of a join',
      'joined, grace',
      b => input(b).join('joined', input(b, 'other'), pair, { ...window, grace: -1 }),
    ],
    [
      'of a wait for a table',
      'joined, grace',
      b => input(b).join('joined', b.table('t', numbers), pair, { grace: -1 }),
    ],
    ['of a history', 'rows, historyRetention', b => input(b).toTable('rows', { historyRetention: -1 })],
    [
      'of a retention',
      'windows, retention',
      b => windowed(b, tumbling({ size: 1, grace: 0 })).count({ retention: -1 }),
    ],
    ['of a suppression', 'time limit of a suppression', () => untilTimeLimit(-1)],
    ['of a call', 'score, timeout', b => input(b).mapBatch('score', async values => values, { timeout: -1 })],
  ],
  TOPOLOGY_WINDOW_INVALID: [
    ['of no size', 'tumbling', () => tumbling({ size: 0, grace: 0 })],
    ['with gaps between them', 'hopping', () => hopping({ size: 10, advance: 11, grace: 0 })],
    ['that begins before time', 'unlimited', () => unlimited({ start: -1 })],
    ['that never closes', 'windows', b => windowed(b, unlimited()).count({ emit: 'close' })],
    [
      'sessions that cannot be merged',
      'windows',
      b =>
        windowed(b, session({ gap: 1, grace: 0 })).aggregate<number>({
          initial: () => 0,
          add: sum => sum,
          value: long,
        }),
    ],
    [
      'samples of sessions',
      'windows: a session window',
      b => {
        const sessions = windowed(b, session({ gap: 1, grace: 0 }))
        return untyped(sessions, sessions.collect, ['x'])
      },
    ],
    [
      'the end of a key whose clock all keys share',
      'windows',
      b =>
        b
          .stream('in', { key: string, value: json<{ x: number }>() })
          .groupByKey()
          .window('windows', tumbling({ size: 1, grace: 0 }))
          .collect(['x'], { endsKey: value => value === null }),
    ],
  ],
  TOPOLOGY_RETENTION_TOO_SHORT: [
    ['of windows', 'windows', b => windowed(b, tumbling({ size: 10, grace: 5 })).count({ retention: 14 })],
  ],
  TOPOLOGY_JOIN_WINDOW_INVALID: [
    [
      'that ends before it begins',
      'joined',
      b => input(b).join('joined', input(b, 'other'), pair, { before: -6, after: 5, grace: 0 }),
    ],
  ],
  TOPOLOGY_JOIN_KEY_MISSING: [
    [
      'of a global table',
      'joined',
      b =>
        untyped(
          input(b),
          input(b, 'other').join,
          'joined',
          b.globalTable('g', { ...numbers, store: 'g' }),
          pair,
        ),
    ],
  ],
  TOPOLOGY_JOIN_INVALID: [
    [
      'a table whose rows were to come out',
      'joined',
      b => untyped(input(b), input(b, 'other').outerJoin, 'joined', b.table('t', numbers), pair),
    ],
  ],
  TOPOLOGY_JOIN_GRACE_INVALID: [
    [
      'a wait for a table without versions',
      'joined',
      b => input(b).join('joined', b.table('t', numbers), pair, { grace: 1 }),
    ],
    [
      'a longer wait than the table remembers',
      'joined',
      b => input(b).join('joined', b.table('t', { ...numbers, historyRetention: 9 }), pair, { grace: 10 }),
    ],
  ],
  TOPOLOGY_BATCH_INVALID: [
    [
      'no value in a call',
      'score: maxBatch',
      b => input(b).mapBatch('score', async values => values, { maxBatch: 0 }),
    ],
    [
      'no call',
      'score: maxInFlight',
      b => input(b).mapBatch('score', async values => values, { maxInFlight: 0 }),
    ],
    [
      'no attempt',
      'score: retry.attempts',
      b => input(b).mapBatch('score', async values => values, { retry: { attempts: 0 } }),
    ],
  ],
  TOPOLOGY_SUPPRESS_INVALID: [
    ['until no window closes', 'held', b => b.table('in', numbers).suppress('held', untilWindowCloses())],
    [
      'until windows of each key close',
      'held',
      b =>
        windowed(b, tumbling({ size: 1, grace: 0 }), 'perKey')
          .count()
          .suppress('held', untilWindowCloses()),
    ],
    [
      'versions',
      'held',
      b => b.table('in', { ...numbers, historyRetention: 10 }).suppress('held', untilTimeLimit(1)),
    ],
    ['no room', 'maxRecords', () => untilTimeLimit(1, { maxRecords: 0 })],
  ],
  TOPOLOGY_UNKNOWN_STORE: [
    [
      'a store of another topology',
      'look',
      b =>
        input(b).process('look', {
          stores: { s: new TopologyBuilder().store('s', keyed) },
          processor: nothing,
        }),
    ],
  ],
  TOPOLOGY_STORE_UNREADABLE: [
    [
      'a table that is not stored',
      'look: it cannot read the table rows',
      b =>
        input(b).process('look', {
          stores: {
            rows: b
              .table('t', numbers)
              .filter(() => true)
              .contents(),
          },
          processor: nothing,
        }),
    ],
  ],
  TOPOLOGY_STORE_UNUSED: [['a store of nobody', 'forgotten', b => [input(b), b.store('forgotten', keyed)]]],
  TOPOLOGY_STORE_MISNAMED: [['a store of another name', 'mine', b => b.store('mine', () => keyed('other'))]],
}

/** Streams whose key changed, so that what follows repartitions. */
const streams = new WeakMap<TopologyBuilder, KStream<string, number | null>>()
function unknownKey(builder: TopologyBuilder): KStream<string, number | null> {
  const stream = streams.get(builder) ?? input(builder).selectKey(String, { key: string })
  streams.set(builder, stream)
  return stream
}

function refusal(write: Case[2]): TickerError | undefined {
  const builder = new TopologyBuilder()
  try {
    write(builder)
    builder.build()
  } catch (error) {
    if (error instanceof TickerError) return error
    throw error
  }
  return undefined
}

describe.each(Object.entries(cases))('%s', (code, list) => {
  it.each(list)('%s', (_, place, write) => {
    const error = refusal(write)
    expect(error).toMatchObject({ code, message: expect.stringContaining(place) })
    expect(error?.remedy).toMatch(/^[A-Z].{10,}\.$/)
  })
})
