/**
 * Topologies made of the public DSL: one source, or two, and any of the operators below on it. `Parts` says which, as
 * plain data.
 */
import {
  type Graph,
  hopping,
  json,
  KeyValueStore,
  type KStream,
  long,
  type Serde,
  session,
  sliding,
  string,
  type Timers,
  TopologyBuilder,
  tumbling,
  untilWindowCloses,
} from '../../index.ts'
import { HEADER, isFaulty, REFUSED, type Reading } from './records.ts'

export const operators = [
  'count',
  'window',
  'windowPerKey',
  'final',
  'session',
  'collect',
  'collectOperator',
  'sliding',
  'join',
  'leftJoin',
  'tableJoin',
  'regroup',
  'tableGroups',
  'suppress',
  'mapBatch',
  'decision',
  'punctuate',
  'faulty',
] as const

/**
 * A join by a foreign key, alone: the order in which its answers come back cannot be recomputed, so only what it ends as is
 * judged.
 */
export const foreignKeyParts = ['foreignKey'] as const

export type OperatorName = (typeof operators)[number] | (typeof foreignKeyParts)[number]

/** What a topology needs from the process that runs it. */
export interface Surroundings {
  readonly timers: Timers
  /** A record is about to be processed. */
  readonly onRecord: (id: string) => void
  /** Milliseconds an asynchronous call takes. */
  readonly callTime: () => number
  /** What a recorded decision should be now. */
  readonly offer: () => string
  /** Throws until what the source's records are decoded with is fetched: an error with a promise `ready`. */
  readonly checkSchema: () => void
}

/** What is taken with a reading on its way. */
interface Sum {
  readonly n: number
  readonly count: number
  /** Of the last reading added. */
  readonly last: string
}

/** The key of the other table's row that a row refers to. */
export const referredBy = ({ n }: Reading): string => `k${n % 5}`
export const joinedByKey = ({ id }: Reading, other: Reading | null): string => `${id}+${other?.id}`

type Readings = KStream<string | null, Reading | null>

const sum = json<Sum>()
const reading = json<Reading>()
const nothing = (): Sum => ({ n: 0, count: 0, last: '' })
const plus = (before: Sum, value: Reading | null): Sum => ({
  n: before.n + (value?.n ?? 0),
  count: before.count + 1,
  last: value?.id ?? 'null',
})
const aggregated = { initial: nothing, add: plus, value: sum }

export const windows = {
  window: hopping({ size: 200, advance: 100, grace: 100 }),
  windowPerKey: tumbling({ size: 150, grace: 50 }),
  final: tumbling({ size: 200, grace: 50 }),
  session: session({ gap: 80, grace: 100 }),
  collect: hopping({ size: 200, advance: 100, grace: 20 }),
  collectOperator: tumbling({ size: 200, grace: 100 }),
  suppress: tumbling({ size: 150, grace: 100 }),
  sliding: sliding({ difference: 80, grace: 50 }),
} as const

export const inputTopics = (parts: readonly OperatorName[]): readonly string[] =>
  parts.some(part => ['join', 'leftJoin', 'tableJoin', 'foreignKey'].includes(part))
    ? ['in', 'other']
    : ['in']

/** Where the operators write, late records included. */
export function outputTopics(parts: readonly OperatorName[]): readonly string[] {
  return parts.flatMap(part =>
    part in windows && part !== 'suppress' ? [`${part}-out`, `${part}-late`] : [`${part}-out`],
  )
}

export function topologyOf(parts: readonly OperatorName[], surroundings: Surroundings): Graph {
  const builder = new TopologyBuilder()
  const [input, other] = inputTopics(parts).map(topic => source(builder, topic, surroundings))
  for (const part of parts) build[part](input!, { ...surroundings, builder, other })
  return builder.build()
}

function source(builder: TopologyBuilder, topic: string, { onRecord, checkSchema }: Surroundings): Readings {
  return builder
    .stream(topic, {
      key: string,
      value: readingOrPoison(checkSchema),
      validate: value => (value.n === REFUSED ? 'refused' : undefined),
    })
    .peek((_value, _key, _timestamp, headers) =>
      onRecord(headers.find(([name]) => name === HEADER)?.[1].toString() ?? ''),
    )
}

function readingOrPoison(checkSchema: () => void): Serde<Reading> {
  return {
    ...reading,
    deserialize(bytes) {
      checkSchema()
      if (bytes.subarray(0, 6).toString() === 'poison') throw new RangeError('poison')
      return reading.deserialize(bytes)
    },
  }
}

interface Place extends Surroundings {
  readonly builder: TopologyBuilder
  readonly other: Readings | undefined
}

const build: Readonly<Record<OperatorName, (input: Readings, place: Place) => void>> = {
  count(input) {
    input.groupByKey().count('count').toStream().to('count-out')
  },
  window(input) {
    const table = input.groupByKey().window('window', windows.window).aggregate(aggregated)
    table.toStream().to('window-out')
    table.late.to('window-late')
  },
  windowPerKey(input) {
    const table = input
      .groupByKey()
      .window('windowPerKey', windows.windowPerKey, { clock: 'perKey' })
      .aggregate(aggregated, { emit: 'close' })
    table.toStream().to('windowPerKey-out')
    table.late.to('windowPerKey-late')
  },
  final(input) {
    const table = input.groupByKey().window('final', windows.final).aggregate(aggregated, { emit: 'close' })
    table.toStream().to('final-out')
    table.late.to('final-late')
  },
  session(input) {
    const table = input
      .groupByKey()
      .window('session', windows.session)
      .aggregate({
        ...aggregated,
        merge: (one: Sum, two: Sum) => ({ n: one.n + two.n, count: one.count + two.count, last: two.last }),
      })
    table.toStream().to('session-out')
    table.late.to('session-late')
  },
  collect(input) {
    const collected = input
      .groupByKey()
      .window('collect', windows.collect, { clock: 'perKey' })
      .collect(['n'])
    collected
      .mapWindows('collected', (samples, window) => ({ ...window, n: [...samples.column('n')] }))
      .to('collect-out', { value: json() })
    collected.late.to('collect-late')
  },
  collectOperator(input) {
    const collected = input.groupByKey().window('collectOperator', windows.collectOperator).collect(['n'])
    collected
      .mapWindows('collectedOperator', (samples, window) => ({ ...window, n: [...samples.column('n')] }))
      .to('collectOperator-out', { value: json() })
    collected.late.to('collectOperator-late')
  },
  join(input, { other }) {
    input
      .join('join', other!, (a, b) => `${a.id}+${b.id}`, { before: 100, after: 50, grace: 100 })
      .to('join-out', { value: string })
  },
  leftJoin(input, { other }) {
    input
      .leftJoin('leftJoin', other!, (a, b) => `${a.id}+${b?.id}`, { before: 50, after: 50, grace: 50 })
      .to('leftJoin-out', { value: string })
  },
  sliding(input) {
    const table = input.groupByKey().window('sliding', windows.sliding).aggregate(aggregated)
    table.toStream().to('sliding-out')
    table.late.to('sliding-late')
  },
  tableJoin(input, { other }) {
    input
      .toTable('rows-left')
      .leftJoin('tableJoin', other!.toTable('rows-right'), (a, b) => `${a.id}+${b?.id}`)
      .toStream()
      .to('tableJoin-out', { value: string })
  },
  foreignKey(input, { other }) {
    input
      .toTable('referring')
      .foreignKeyLeftJoin('foreignKey', other!.toTable('referred'), {
        foreignKey: referredBy,
        joiner: joinedByKey,
        value: string,
      })
      .toStream()
      .to('foreignKey-out')
  },
  faulty(input) {
    input
      .mapValues(value => {
        if (value !== null && isFaulty(value)) throw new RangeError('faulty')
        return value?.id ?? null
      })
      .to('faulty-out', { value: string })
  },
  regroup(input) {
    input
      .filter(value => value !== null)
      .groupBy(value => value.group, { key: string, value: reading })
      .aggregate('regroup', aggregated)
      .toStream()
      .to('regroup-out')
  },
  tableGroups(input) {
    input
      .toTable('rows')
      .groupBy(value => [value.group, value], { key: string, value: reading })
      .aggregate('tableGroups', {
        initial: nothing,
        add: plus,
        subtract: (before: Sum, value: Reading) => ({
          n: before.n - value.n,
          count: before.count - 1,
          last: `-${value.id}`,
        }),
        value: sum,
      })
      .toStream()
      .to('tableGroups-out')
  },
  suppress(input) {
    input
      .groupByKey()
      .window('suppress', windows.suppress)
      .count()
      .suppress('suppressed', untilWindowCloses())
      .toStream()
      .to('suppress-out')
  },
  mapBatch(input, { callTime, timers }) {
    input
      .mapBatch(
        'mapBatch',
        async values => {
          await new Promise<void>(resolve => timers.after(callTime(), resolve))
          return values.map(value => `${value.id}!`)
        },
        { maxBatch: 4, maxInFlight: 3, timeout: 500 },
      )
      .to('mapBatch-out', { value: string })
  },
  decision(input, { offer, callTime, timers }) {
    input
      .mapBatch(
        'decision',
        async (values, { recorded }) => {
          await new Promise<void>(resolve => timers.after(callTime(), resolve))
          return values.map(value => `${value.id} by ${recorded}`)
        },
        { maxBatch: 3, recorded: { name: 'decided', value: string, offer, prepare: async () => {} } },
      )
      .to('decision-out', { value: string })
  },
  punctuate(input, { builder }) {
    const sums = builder.store('sums', name => new KeyValueStore({ name, key: string, value: long }))
    input
      .process<string, string, { sums: typeof sums }>('punctuate', {
        key: string,
        value: string,
        stores: { sums },
        processor: context => {
          context.schedule(100, 'streamTime', time => {
            for (const { key, value } of context.stores.sums.entries())
              context.forward({ key, value: `${value} at ${time}`, timestamp: time })
          })
          return ({ key, value }) => {
            if (key === null || value === null) return
            context.stores.sums.put(key, (context.stores.sums.get(key)?.value ?? 0) + value.n, 0)
          }
        },
      })
      .to('punctuate-out')
  },
}
