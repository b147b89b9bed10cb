/** What describe() and mermaid() say of a topology in which each kind of node occurs: `describe.txt`, `describe.mmd`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { KeyValueStore } from '../state/index.ts'
import {
  describe,
  type Graph,
  type GraphNode,
  json,
  long,
  mermaid,
  string,
  TopologyBuilder,
  tumbling,
  untilWindowCloses,
} from './index.ts'

const numbers = { key: string, value: long }
const minutes = tumbling({ size: '1 m', grace: '5 s' })
const nothing = () => () => {}

function everything(): Graph {
  const builder = new TopologyBuilder()
  const seen = builder.store('seen', name => new KeyValueStore({ name, ...numbers }))
  const limits = builder.table('limits', { ...numbers, store: 'limits' })
  const rooms = builder.globalTable('rooms', { key: string, value: string, store: 'rooms' })
  const pulses = builder.stream('pulses', numbers).filter(pulse => pulse !== null)

  const { fast, slow } = pulses.split('pace', { fast: pulse => pulse > 100, slow: () => true })
  fast
    .processValues('alarm', { stores: { limits: limits.contents(), seen }, processor: nothing })
    .named('raised')
    .to('alarms', numbers)
  fast.process('notice', { ...numbers, stores: { seen }, processor: nothing }).forEach(() => {})
  slow
    .merge(fast)
    .flatMapValues(pulse => [pulse])
    .join('limited', limits, (pulse, limit) => pulse - limit)
    .join('placed', rooms, (over, room) => `${room}: ${over}`, { tableKey: (_, watch) => watch })
    .mapBatch('translated', async texts => texts)
    .to('texts', { value: string })

  const counts = pulses.groupBy(String, { key: string }).window('counts', minutes).count()
  counts.suppress('final', untilWindowCloses()).toStream().to('final-counts')
  counts.late.to('late')
  builder
    .stream('motion', { key: string, value: json<{ x: number }>() })
    .groupByKey()
    .window('samples', minutes)
    .collect(['x'])
    .mapWindows('means', samples => samples.count)
    .join('pairs', pulses, (mean, pulse) => mean + pulse, { before: '1 m', after: 0, grace: 0, value: long })
    .to('pairs', numbers)

  const greatest = pulses.groupByKey().reduce('greatest', Math.max)
  const levels = greatest
    .filter(pulse => pulse > 60)
    .mapValues(pulse => Math.floor(pulse / 10), { store: 'levels', value: long })
  levels
    .groupBy((level, watch) => [`${level}`, watch], { key: string, value: string })
    .count('watches-per-level')
    .toStream()
    .to('levels')
  levels
    .join('over-limit', limits, (level, limit) => level - limit)
    .toStream()
    .to('over-limit', numbers)
  levels
    .foreignKeyLeftJoin('neighbours', limits, {
      foreignKey: String,
      joiner: (_, limit) => limit,
      value: long,
    })
    .toStream()
    .to('neighbours')
  return builder.build()
}

/** Exhaustive: a new kind does not compile here until it is in the topology. */
const kinds: Readonly<Record<GraphNode['kind'], true>> = {
  ...{ source: true, sink: true, repartition: true, globalTable: true },
  ...{
    filter: true,
    mapValues: true,
    flatMap: true,
    flatMapValues: true,
    peek: true,
    merge: true,
    split: true,
  },
  ...{ named: true, mapBatch: true, process: true, processValues: true, store: true },
  ...{ streamJoin: true, streamTableJoin: true, globalJoin: true },
  ...{ aggregate: true, windowAggregate: true, collect: true, suppress: true },
  ...{ tableSource: true, tableFilter: true, tableMapValues: true, tableGroupBy: true, tableJoin: true },
  ...{ tableToStream: true, groupedTableAggregate: true },
  ...{ foreignKeySubscribe: true, foreignKeyLookup: true, foreignKeyJoin: true },
}

it('has each kind of node', () => {
  expect([...new Set(everything().nodes.map(({ kind }) => kind))].sort()).toEqual(Object.keys(kinds).sort())
})

it.each([
  ['describe.txt', describe],
  ['describe.mmd', mermaid],
])('is told as in %s', (file, tell) => {
  expect(tell(everything())).toBe(readFileSync(join(import.meta.dirname, file), 'utf8'))
})
