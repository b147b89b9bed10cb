import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type KTable, long, string, TopologyBuilder } from '../index.ts'
import { memoryLog } from '../log/memory/memory-log.ts'
import { ManualTimers } from '../testing/manual-timers.ts'
import { TopologyTestDriver } from '../testing/test-driver.ts'

interface Input {
  readonly topic: 'left' | 'right'
  readonly key: string
  readonly value: number | null
}

const someInputs = fc.array(
  fc.record({
    topic: fc.constantFrom('left' as const, 'right' as const),
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    value: fc.option(fc.integer({ min: 0, max: 9 })),
  }),
  { maxLength: 30 },
)

/** When a restart and commits come, and what record caches may hold: nothing, a few updates, or all. */
const circumstances = fc.record({
  restartAfter: fc.nat({ max: 30 }),
  cacheBytes: fc.constantFrom(0, 400, 1_000_000),
  seed: fc.nat({ max: 1000 }),
})

type Tables = Record<Input['topic'], KTable<string, number>>

/** Runs what is made of two tables, on three partitions and with a restart; answers with the result's rows in the end. */
async function rowsOf(
  make: (tables: Tables) => KTable<string, number>,
  inputs: readonly Input[],
  { restartAfter, ...caches }: { restartAfter: number; cacheBytes: number; seed: number },
): Promise<Record<string, number>> {
  const builder = new TopologyBuilder()
  const left = builder.table('left', { key: string, value: long })
  const right = builder.table('right', { key: string, value: long })
  make({ left, right }).toStream().to('out', { key: string, value: long })
  const graph = builder.build()
  const timers = new ManualTimers()
  const log = memoryLog({ now: () => timers.now() })
  const options = { log, commitEvery: 3, partitions: 3, ...caches }
  let driver = await TopologyTestDriver.start(graph, options)
  for (const [i, { topic, key, value }] of inputs.entries()) {
    if (i === restartAfter) {
      await driver.close()
      driver = await TopologyTestDriver.start(graph, options)
    }
    await driver.pipe(topic, { key, value, timestamp: i })
  }
  // What went through a repartition topic comes out with the commit after.
  for (let i = 0; i < 2; i++) await driver.commit()
  const rows: Record<string, number> = {}
  for (const { key, value } of await driver.read('out', { key: string, value: long })) {
    if (value === null) delete rows[key!]
    else rows[key!] = value
  }
  await driver.close()
  await options.log.close()
  return rows
}

/** The tables in the end. */
function contents(inputs: readonly Input[]): Record<Input['topic'], Map<string, number>> {
  const tables = { left: new Map<string, number>(), right: new Map<string, number>() }
  for (const { topic, key, value } of inputs) {
    if (value === null) tables[topic].delete(key)
    else tables[topic].set(key, value)
  }
  return tables
}

const isEven = (value: number): boolean => value % 2 === 0
const groupOf = (value: number): string => `group ${value % 3}`

/** Each operator, and its result as a function of the tables. */
const operators: Record<
  string,
  {
    make(tables: Tables): KTable<string, number>
    expected(left: ReadonlyMap<string, number>, right: ReadonlyMap<string, number>): [string, number][]
  }
> = {
  filter: {
    make: ({ left }) => left.filter(isEven),
    expected: left => [...left].filter(([, value]) => isEven(value)),
  },
  'filter, stored': {
    make: ({ left }) => left.filterNot(isEven, { store: 'odd' }),
    expected: left => [...left].filter(([, value]) => !isEven(value)),
  },
  mapValues: {
    make: ({ left }) => left.mapValues(value => (value > 7 ? null : value + 1)),
    expected: left => [...left].filter(([, value]) => value <= 7).map(([key, value]) => [key, value + 1]),
  },
  'groupBy, count': {
    make: ({ left }) =>
      left.groupBy(value => [groupOf(value), value], { key: string, value: long }).count('sizes'),
    // A group that all have left is still there, and counts none.
    expected: left => Object.entries(sums([...left.values()].map(value => [groupOf(value), 1]))),
  },
  'groupBy of a filtered table, reduce': {
    make: ({ left }) =>
      left
        .filter(isEven)
        .groupBy(value => [groupOf(value), value], { key: string, value: long })
        .reduce('sums', { add: (a, b) => a + b, subtract: (a, b) => (a === b ? null : a - b) }),
    expected: left =>
      Object.entries(sums([...left.values()].filter(isEven).map(value => [groupOf(value), value]))),
  },
  join: {
    make: ({ left, right }) => left.join('joined', right, (a, b) => 10 * a + b),
    expected: (left, right) =>
      [...left].flatMap(([key, a]) => (right.has(key) ? [[key, 10 * a + right.get(key)!]] : [])),
  },
  'leftJoin of joined and mapped tables': {
    make: ({ left, right }) =>
      left
        .join('inner', right, (a, b) => a + b)
        .leftJoin(
          'joined',
          right.mapValues(value => value + 1),
          (a, b) => 100 * a + (b ?? 0),
          { store: 'joined', value: long },
        ),
    expected: (left, right) =>
      [...left].flatMap(([key, a]) => {
        const b = right.get(key)
        return b === undefined ? [] : [[key, 100 * (a + b) + b + 1]]
      }),
  },
  'groupBy of joined tables, sum of products': {
    make: ({ left, right }) =>
      left
        .outerJoin('joined', right, (a, b) => (a ?? 1) * (b ?? 1))
        .groupBy(value => [groupOf(value), value], { key: string, value: long })
        .reduce('sums', { add: (a, b) => a + b, subtract: (a, b) => a - b }),
    expected: (left, right) => {
      const keys = [...new Set([...left.keys(), ...right.keys()])]
      const products = keys.map(key => (left.get(key) ?? 1) * (right.get(key) ?? 1))
      return Object.entries(sums(products.map(value => [groupOf(value), value])))
    },
  },
  outerJoin: {
    make: ({ left, right }) => left.outerJoin('joined', right, (a, b) => 10 * (a ?? -1) + (b ?? -1)),
    expected: (left, right) =>
      [...new Set([...left.keys(), ...right.keys()])].map(key => [
        key,
        10 * (left.get(key) ?? -1) + (right.get(key) ?? -1),
      ]),
  },
}

function sums(parts: [group: string, value: number][]): Record<string, number> {
  const found: Record<string, number> = {}
  for (const [group, value] of parts) found[group] = (found[group] ?? 0) + value
  return found
}

/** A sum of nothing and no sum are the same to a model that does not know what was there. */
function withoutZeros(rows: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(rows).filter(([key, value]) => !(key.startsWith('group') && value === 0)),
  )
}

describe('tables', () => {
  it.each(Object.keys(operators))(
    '%s: the result follows the tables, through a restart, cached or not',
    async name => {
      const { make, expected } = operators[name]!
      await fc.assert(
        fc.asyncProperty(someInputs, circumstances, async (inputs, when) => {
          const { left, right } = contents(inputs)
          expect(withoutZeros(await rowsOf(make, inputs, when))).toEqual(
            withoutZeros(Object.fromEntries(expected(left, right))),
          )
        }),
        { numRuns: 20 },
      )
    },
  )

  it('takes away nothing for an aggregate that is new', async () => {
    const builder = new TopologyBuilder()
    builder
      .stream('in', { key: string, value: string })
      .groupByKey()
      .count('counts')
      // The count of a new key was never 0 in its group before.
      .groupBy(count => [count % 2 === 0 ? 'even' : 'odd', count], { key: string, value: long })
      .count('keys')
      .toStream()
      .to('out', { key: string, value: long })
    const driver = await TopologyTestDriver.start(builder.build())
    for (const [i, key] of ['a', 'a', 'b', 'c'].entries())
      await driver.pipe('in', { key, value: 'x', timestamp: i })
    const counts = await driver.read('out', { key: string, value: long })
    expect(counts.map(({ key, value }) => [key, value])).toEqual([
      ['odd', 1],
      ['odd', 0],
      ['even', 1],
      ['odd', 1],
      ['odd', 2],
    ])
    await driver.close()
  })

  it('makes one aggregate of several streams', async () => {
    const builder = new TopologyBuilder()
    const stream = (topic: string) => builder.stream(topic, { key: string, value: long }).groupByKey()
    stream('plus')
      .cogroup<number>((sum, value) => sum + (value ?? 0))
      .cogroup(stream('minus'), (sum, value) => (sum === value ? null : sum - (value ?? 0)))
      .aggregate('balance', { initial: () => 0, value: long })
      .toStream()
      .to('out', { key: string, value: long })
    const driver = await TopologyTestDriver.start(builder.build(), { oneTask: true })
    await driver.pipe('plus', { key: 'a', value: 5, timestamp: 3 })
    await driver.pipe('minus', { key: 'a', value: 2, timestamp: 1 })
    await driver.pipe('minus', { key: 'a', value: 3, timestamp: 4 })
    const balances = await driver.read('out', { key: string, value: long })
    expect(balances.map(({ value, timestamp }) => [value, timestamp])).toEqual([
      [5, 3],
      [3, 3],
      [null, 4],
    ])
    await driver.close()
  })

  it('needs to know how a store is written', () => {
    const table = new TopologyBuilder().table('in', { key: string, value: long })
    expect(() => table.mapValues(String, { store: 'texts' })).toThrowError(
      /texts: it is not known how the value/,
    )
  })
})
