/**
 * Tables against their rules in the plainest form: each update that comes out, with its timestamp, through commits and
 * restarts at random moments. (`tables.test.ts` looks at the contents in the end, on several partitions.)
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type GroupedTable,
  json,
  type KStream,
  type KTable,
  long,
  string,
  TopologyBuilder,
} from '../index.ts'
import { disturbances, play, undisturbed } from '../testing/play.ts'

type Side = 'left' | 'right'

interface Input {
  readonly topic: Side
  readonly key: string | null
  readonly value: number | null
  readonly timestamp: number
}

interface Row {
  readonly value: number
  readonly timestamp: number
}

/** What comes out. */
type Output = readonly [key: string | null, value: unknown, timestamp: number]

const numbers = { key: string, value: long }
const inputs = fc.array(
  fc.record({
    topic: fc.constantFrom('left' as const, 'right' as const),
    key: fc.option(fc.constantFrom('a', 'b', 'é'), { freq: 15 }),
    value: fc.option(fc.nat({ max: 9 }), { freq: 4 }),
    timestamp: fc.nat({ max: 30 }),
  }),
  { maxLength: 40 },
)

/** What a table does to an input record: nothing, if it has no key or is older than the version the table has. */
class Rows {
  readonly #rows = new Map<string, { value: number | null; timestamp: number }>()
  readonly #versioned: boolean

  constructor(versioned: boolean) {
    this.#versioned = versioned
  }

  /** The row before and after, or undefined if the record is no update. */
  put({ key, value, timestamp }: Input): { before: Row | undefined; after: Row | undefined } | undefined {
    if (key === null) return undefined
    const found = this.#rows.get(key)
    if (this.#versioned && found !== undefined && found.timestamp > timestamp) return undefined
    const before = this.get(key)
    this.#rows.set(key, { value, timestamp })
    return { before, after: this.get(key) }
  }

  get(key: string): Row | undefined {
    const found = this.#rows.get(key)
    return found === undefined || found.value === null ? undefined : { ...found, value: found.value }
  }
}

async function check(
  make: (
    tables: Record<Side, KTable<string, number>>,
    builder: TopologyBuilder,
  ) => KStream<string | null, unknown>,
  model: (inputs: readonly Input[], versioned: boolean) => readonly Output[],
  options: { versioned?: boolean; stored?: boolean } = {},
): Promise<void> {
  const { versioned = false, stored = true } = options
  await fc.assert(
    fc.asyncProperty(inputs, disturbances(40), async (inputs, disturbance) => {
      const builder = new TopologyBuilder()
      const table = (topic: Side) =>
        builder.table(topic, {
          ...numbers,
          store: stored ? topic : undefined,
          historyRetention: versioned ? 1000 : undefined,
        })
      const tables = { left: table('left'), right: table('right') }
      make(tables, builder).to('out', { key: string, value: json() })
      const { out } = await play(
        builder.build(),
        inputs,
        { out: { key: string, value: json() } },
        disturbance,
      )
      expect(out.map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual(
        model(inputs, versioned),
      )
    }),
    { numRuns: 40 },
  )
}

describe('a join of tables', () => {
  const pair = (left: number | null, right: number | null): string | null =>
    // Some results are none.
    left === 7 ? null : `${left}+${right}`

  /**
   * An update comes out if the other table has a row, or if this one's rows are kept and there was or is one. It has the
   * greater timestamp of both rows.
   */
  const joined =
    (keeps: Record<Side, boolean>) =>
    (inputs: readonly Input[], versioned: boolean): Output[] => {
      const rows = { left: new Rows(versioned), right: new Rows(versioned) }
      return inputs.flatMap((input): Output[] => {
        const { topic, key, timestamp } = input
        const change = rows[topic].put(input)
        if (change === undefined || key === null) return []
        const other = rows[topic === 'left' ? 'right' : 'left'].get(key)
        const concerns = keeps[topic] && (change.before !== undefined || change.after !== undefined)
        if (other === undefined && !concerns) return []
        const [left, right] = [rows.left.get(key), rows.right.get(key)]
        const isIn =
          (left !== undefined || keeps.right) &&
          (right !== undefined || keeps.left) &&
          (left !== undefined || right !== undefined)
        const result = isIn ? pair(left?.value ?? null, right?.value ?? null) : null
        return [[key, result, Math.max(timestamp, other?.timestamp ?? 0)]]
      })
    }

  describe.each([
    ['the latest values', false],
    ['versions', true],
  ])('of %s', (_, versioned) => {
    it('keeps no row without a partner', () =>
      check(
        ({ left, right }) => left.join('joined', right, pair).toStream(),
        joined({ left: false, right: false }),
        { versioned },
      ))
    it('keeps left rows without a partner', () =>
      check(
        ({ left, right }) => left.leftJoin('joined', right, pair).toStream(),
        joined({ left: true, right: false }),
        { versioned },
      ))
    it('keeps all rows', () =>
      check(
        ({ left, right }) =>
          left.outerJoin('joined', right, pair, { store: 'results', value: json() }).toStream(),
        joined({ left: true, right: true }),
        { versioned },
      ))
  })
})

describe('a table made row by row', () => {
  const isEven = (value: number): boolean => value % 2 === 0

  it('is told each deletion of what may have been there', () =>
    check(
      ({ left }) => left.filter(isEven).toStream(),
      inputs =>
        inputs
          .filter(({ topic, key }) => topic === 'left' && key !== null)
          .map(({ key, value, timestamp }) => [
            key,
            value !== null && isEven(value) ? value : null,
            timestamp,
          ]),
      { stored: false },
    ))

  it('is told deletions only of what was there, if the table is stored', () =>
    check(
      ({ left }) => left.filter(isEven).toStream(),
      inputs => {
        const rows = new Rows(false)
        return inputs.flatMap((input): Output[] => {
          const change = input.topic === 'left' ? rows.put(input) : undefined
          if (change === undefined) return []
          const passes = (row: Row | undefined): boolean => row !== undefined && isEven(row.value)
          if (!passes(change.before) && !passes(change.after)) return []
          return [[input.key, passes(change.after) ? input.value : null, input.timestamp]]
        })
      },
    ))

  it('has another value for each row, or none', () =>
    check(
      ({ left }) =>
        left.mapValues(value => (value > 7 ? null : value + 1), { store: 'mapped', value: long }).toStream(),
      inputs =>
        inputs
          .filter(({ topic, key }) => topic === 'left' && key !== null)
          .map(({ key, value, timestamp }) => [
            key,
            value === null || value > 7 ? null : value + 1,
            timestamp,
          ]),
    ))
})

describe('an aggregate of a grouped table', () => {
  const groupOf = (value: number): string | null => (value === 9 ? null : `group ${value % 3}`)
  const grouped = ({ left }: Record<Side, KTable<string, number>>): GroupedTable<string, number> =>
    left.groupBy(value => [groupOf(value), value], numbers)

  /**
   * A row's old value is taken from its old group before its new one is added to its new group; one update, if that is the
   * same. An update has the greater timestamp of the row's and the group's before.
   */
  const model = (inputs: readonly Input[], versioned: boolean): Output[] => {
    const rows = new Rows(versioned)
    const groups = new Map<string, { values: readonly number[]; timestamp: number }>()
    return inputs.flatMap(input => {
      const change = input.topic === 'left' ? rows.put(input) : undefined
      if (change === undefined) return []
      const { before, after } = change
      const [from, to] = [before && groupOf(before.value), after && groupOf(after.value)]
      return [...new Set([from, to])].flatMap((group): Output[] => {
        if (group === undefined || group === null) return []
        const found = groups.get(group) ?? { values: [], timestamp: 0 }
        let { values } = found
        if (group === from) {
          const at = values.indexOf(before!.value)
          values = values.filter((_, i) => i !== at)
        }
        if (group === to) values = [...values, after!.value].sort()
        const timestamp = Math.max(input.timestamp, found.timestamp)
        groups.set(group, { values, timestamp })
        return [[group, values, timestamp]]
      })
    })
  }

  it.each([
    ['the latest values', false],
    ['versions', true],
  ])('follows a table of %s', (_, versioned) =>
    check(
      tables =>
        grouped(tables)
          .aggregate<readonly number[]>('lists', {
            initial: () => [],
            add: (list, value) => [...list, value].sort(),
            subtract: (list, value) => {
              const at = list.indexOf(value)
              return list.filter((_, i) => i !== at)
            },
            value: json<readonly number[]>(),
          })
          .toStream(),
      model,
      { versioned },
    ),
  )
})

describe('a join of a stream with a table', () => {
  /** Each record of the stream, with what the table holds when it comes. */
  const model =
    (keeps: boolean) =>
    (inputs: readonly Input[]): Output[] => {
      const rows = new Rows(false)
      return inputs.flatMap((input): Output[] => {
        const { topic, key, value, timestamp } = input
        if (topic === 'right') rows.put(input)
        if (topic === 'right' || value === null) return []
        const found = key === null ? undefined : rows.get(key)
        if (found === undefined && !keeps) return []
        return [[key, `${value}+${found?.value ?? null}`, timestamp]]
      })
    }
  const pair = (value: number, found: number | null): string => `${value}+${found}`

  it.each([
    ['drops what finds nothing', false],
    ['keeps what finds nothing', true],
  ])('%s', async (_, keeps) => {
    await fc.assert(
      fc.asyncProperty(inputs, disturbances(40), async (inputs, disturbance) => {
        const builder = new TopologyBuilder()
        const table = builder.table('right', numbers)
        const stream = builder.stream('left', numbers)
        const joined = keeps ? stream.leftJoin('joined', table, pair) : stream.join('joined', table, pair)
        joined.to('out', { key: string, value: string })
        const { out } = await play(
          builder.build(),
          inputs,
          { out: { key: string, value: string } },
          disturbance,
        )
        expect(out.map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual(model(keeps)(inputs))
      }),
      { numRuns: 40 },
    )
  })
})

it('a join with a global table finds what it holds when a record comes, by any key', async () => {
  const keys = [null, 'a', 'b', 'é']
  await fc.assert(
    fc.asyncProperty(inputs, disturbances(40), async (inputs, disturbance) => {
      const builder = new TopologyBuilder()
      const table = builder.globalTable('right', { ...numbers, store: 'global' })
      builder
        .stream('left', numbers)
        .leftJoin('joined', table, (value, found) => `${value}+${found}`, {
          tableKey: value => keys[value % keys.length] ?? null,
        })
        .to('out', { key: string, value: string })
      const { out } = await play(
        builder.build(),
        inputs,
        { out: { key: string, value: string } },
        disturbance,
      )
      const rows = new Rows(false)
      const expected = inputs.flatMap((input): Output[] => {
        const { topic, key, value, timestamp } = input
        if (topic === 'right') rows.put(input)
        if (topic === 'right' || value === null) return []
        const tableKey = keys[value % keys.length] ?? null
        const found = tableKey === null ? null : (rows.get(tableKey)?.value ?? null)
        return [[key, `${value}+${found}`, timestamp]]
      })
      expect(out.map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual(expected)
    }),
    { numRuns: 40 },
  )
})

describe('a foreign-key join', () => {
  const references = fc.array(
    fc.oneof(
      fc.record({
        topic: fc.constant('orders' as const),
        key: fc.constantFrom('1', '2', '3', '4'),
        value: fc.option(fc.constantFrom('tea', 'milk', 'bread', ''), { freq: 4 }),
      }),
      fc.record({
        topic: fc.constant('products' as const),
        key: fc.constantFrom('tea', 'milk', 'bread'),
        value: fc.option(fc.constantFrom('1 €', '2 €'), { freq: 4 }),
      }),
    ),
    { maxLength: 30 },
  )

  it.each([
    ['inner', false],
    ['left', true],
  ])('is, after each step, the %s join of what both tables hold', async (_, keeps) => {
    await fc.assert(
      fc.asyncProperty(references, disturbances(30), async (inputs, { restartBefore }) => {
        // What goes through internal topics comes out with the commit after.
        const disturbance = { ...undisturbed, restartBefore }
        const builder = new TopologyBuilder()
        const text = { key: string, value: string }
        const [orders, products] = [builder.table('orders', text), builder.table('products', text)]
        const options = {
          foreignKey: (product: string) => product || null,
          joiner: (product: string, price: string | null) => `${product} for ${price}`,
          value: string,
        }
        const joined = keeps
          ? orders.foreignKeyLeftJoin('joined', products, options)
          : orders.foreignKeyJoin('joined', products, options)
        joined.toStream().to('out', text)
        const records = inputs.map((input, timestamp) => ({ ...input, timestamp }))
        const { out } = await play(builder.build(), records, { out: text }, disturbance)

        const [held, prices] = [new Map<string, string>(), new Map<string, string>()]
        const found = new Map<string, string>()
        for (const { topic, key, value, timestamp } of records) {
          const table = topic === 'orders' ? held : prices
          if (value === null) table.delete(key)
          else table.set(key, value)
          for (const update of out.filter(each => each.timestamp === timestamp)) {
            if (update.value === null) found.delete(update.key!)
            else found.set(update.key!, update.value)
          }
          const expected = [...held].flatMap(([order, product]) => {
            const price = prices.get(product) ?? null
            return price === null && !keeps ? [] : [[order, `${product} for ${price}`]]
          })
          expect(Object.fromEntries(found), `after ${timestamp}`).toEqual(Object.fromEntries(expected))
        }
      }),
      { numRuns: 40 },
    )
  })
})
