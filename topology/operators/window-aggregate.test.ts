import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  hopping,
  json,
  long,
  type SessionWindows,
  session,
  sliding,
  string,
  TopologyBuilder,
  tumbling,
  unlimited,
  type WindowClock,
  type Windowed,
  type Windows,
} from '../index.ts'
import { memoryLog } from '../log/memory/memory-log.ts'
import { ManualTimers } from '../testing/manual-timers.ts'
import { TopologyTestDriver } from '../testing/test-driver.ts'

interface Input {
  readonly key: string
  readonly value: number
  readonly timestamp: number
}

/** A window's values in ascending order; null when the window is gone. */
interface Result {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly values: readonly number[] | null
  readonly timestamp: number
}

interface Options {
  readonly clock?: WindowClock
  readonly emit?: 'update' | 'close'
  readonly retention?: number
  readonly commitEvery?: number
  readonly restartAfter?: number
}

const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)
const results = json<Omit<Result, 'timestamp'>>()

function topologyOf(windows: Windows, { clock, emit, retention }: Options) {
  const builder = new TopologyBuilder()
  const table = builder
    .stream('in', { key: string, value: long })
    .groupByKey()
    .window('windows', windows, { clock })
    .aggregate<readonly number[]>(
      {
        initial: () => [],
        add: (list, value) => ascending([...list, value ?? -1]),
        merge: (one, other) => ascending([...one, ...other]),
        value: json<readonly number[]>(),
      },
      { emit, retention },
    )
  table
    .toStream()
    .map((values, { key, start, end }) => [key, { key, start, end, values }], { key: string, value: results })
    .to('out')
  table.late.to('late')
  return builder.build()
}

async function run(inputs: readonly Input[], windows: Windows, options: Options = {}) {
  const { restartAfter, ...driverOptions } = options
  const timers = new ManualTimers()
  const log = memoryLog({ now: () => timers.now() })
  const graph = topologyOf(windows, options)
  let driver = await TopologyTestDriver.start(graph, { log, commitEvery: driverOptions.commitEvery })
  for (const [i, input] of inputs.entries()) {
    if (i === restartAfter) {
      await driver.close()
      driver = await TopologyTestDriver.start(graph, { log, commitEvery: driverOptions.commitEvery })
    }
    await driver.pipe('in', input)
  }
  await driver.commit()
  const out = (await driver.read('out', { key: string, value: results })).map(
    ({ value, timestamp }): Result => ({ ...value!, timestamp }),
  )
  const late = (await driver.read('late', { key: string, value: long })).map(
    ({ key, value, timestamp }): Input => ({ key: key!, value: value!, timestamp }),
  )
  await driver.close()
  await log.close()
  return { out, late }
}

const nameOf = ({ key, start, end }: Windowed<string>): string => `${key} ${start} ${end}`

/** What the updates leave in the table. */
function contentsOf(updates: readonly Result[]): Map<string, Result> {
  const contents = new Map<string, Result>()
  for (const update of updates) {
    if (update.values === null) contents.delete(nameOf(update))
    else contents.set(nameOf(update), update)
  }
  return contents
}

/** Every window of the inputs by its definition, when none of them is late. */
function windowsOf(inputs: readonly Input[], windows: Windows): Map<string, Result> {
  const found = new Map<string, Result>()
  for (const key of new Set(inputs.map(input => input.key))) {
    const own = inputs.filter(input => input.key === key)
    const add = (start: number, end: number, last = end): void => {
      const members = own.filter(({ timestamp }) => timestamp >= start && timestamp <= last)
      if (members.length === 0) return
      const values = ascending(members.map(({ value }) => value))
      const timestamp = Math.max(...members.map(member => member.timestamp))
      found.set(nameOf({ key, start, end }), { key, start, end, values, timestamp })
    }
    for (const { timestamp: time } of own) {
      if (windows.kind === 'time') {
        for (let start = 0; start <= time; start += windows.advance) {
          if (time < start + windows.size) add(start, start + windows.size, start + windows.size - 1)
        }
      } else if (windows.kind === 'sliding') {
        const { difference } = windows
        add(Math.max(0, time - difference), Math.max(time, difference))
        add(time + 1, time + 1 + difference)
      } else if (windows.kind === 'session') {
        const times = ascending(own.map(input => input.timestamp))
        let [start, end] = [time, time]
        for (const each of times) if (each > end && each - end <= windows.gap) end = each
        for (const each of times.reverse()) if (each < start && start - each <= windows.gap) start = each
        add(start, end)
      }
    }
  }
  return found
}

const sorted = (contents: Map<string, Result>): Result[] =>
  [...contents.keys()].sort().map(name => contents.get(name)!)

const inputsOf = (options: { size?: number } = {}) =>
  fc
    .array(fc.record({ key: fc.constantFrom('a', 'b'), timestamp: fc.nat({ max: 40 }) }), {
      maxLength: options.size ?? 30,
    })
    .map(list => list.map((input, value): Input => ({ ...input, value })))

const span = (max: number) => fc.nat({ max })
const kinds = {
  hopping: (grace: fc.Arbitrary<number>) =>
    fc
      .record({ size: fc.integer({ min: 1, max: 12 }), advance: fc.integer({ min: 1, max: 12 }), grace })
      .filter(({ size, advance }) => advance <= size)
      .map(hopping),
  sliding: (grace: fc.Arbitrary<number>) => fc.record({ difference: span(12), grace }).map(sliding),
  session: (grace: fc.Arbitrary<number>) => fc.record({ gap: span(9), grace }).map(session),
} satisfies Record<string, (grace: fc.Arbitrary<number>) => fc.Arbitrary<Windows>>

describe.each(Object.entries(kinds))('aggregate in %s windows', (kind, windowsWith) => {
  it('is every window by its definition when nothing is late, whatever the order', async () => {
    await fc.assert(
      fc.asyncProperty(
        inputsOf(),
        windowsWith(fc.constant(100)),
        fc.constantFrom<WindowClock>('operator', 'perKey'),
        async (inputs, windows, clock) => {
          const { out, late } = await run(inputs, windows, { clock, commitEvery: 5 })
          expect(late).toEqual([])
          expect(sorted(contentsOf(out))).toEqual(sorted(windowsOf(inputs, windows)))
        },
      ),
      { numRuns: 80 },
    )
  })

  it('closes each window once, with its last update, in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        inputsOf(),
        windowsWith(span(20)),
        fc.constantFrom<WindowClock>('operator', 'perKey'),
        async (inputs, windows, clock) => {
          const updates = await run(inputs, windows, { clock })
          const final = await run(inputs, windows, { clock, emit: 'close', commitEvery: 4 })
          expect(final.late).toEqual(updates.late)
          expect(new Set(final.out.map(nameOf)).size).toBe(final.out.length)
          const closed = [...contentsOf(updates.out).values()].filter(result => {
            const own = inputs.filter(({ key }) => clock === 'operator' || key === result.key)
            return isClosed(windows, result.end, Math.max(...own.map(input => input.timestamp)))
          })
          const byName = new Map(closed.map(result => [nameOf(result), result]))
          expect(sorted(new Map(final.out.map(result => [nameOf(result), result])))).toEqual(sorted(byName))
          if (clock === 'operator') {
            const order = final.out.map(({ key, start, end }) =>
              kind === 'session' ? [end, start, key] : [start, key],
            )
            expect(order).toEqual([...order].sort(compareTuples))
          }
        },
      ),
      { numRuns: 80 },
    )
  })

  it('goes on after a restart as if there had been none', async () => {
    await fc.assert(
      fc.asyncProperty(
        inputsOf(),
        windowsWith(span(20)),
        fc.constantFrom<WindowClock>('operator', 'perKey'),
        fc.constantFrom<'update' | 'close'>('update', 'close'),
        span(29),
        async (inputs, windows, clock, emit, restartAfter) => {
          const straight = await run(inputs, windows, { clock, emit })
          expect(await run(inputs, windows, { clock, emit, commitEvery: 3, restartAfter })).toEqual(straight)
        },
      ),
      { numRuns: 80 },
    )
  })
})

function isClosed(windows: Windows, end: number, time: number): boolean {
  switch (windows.kind) {
    case 'time':
      return end + windows.grace <= time
    case 'sliding':
      return end + windows.grace < time
    case 'session':
      return end + windows.gap + windows.grace < time
    case 'unlimited':
      return false
  }
}

function compareTuples(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  const at = a.findIndex((each, i) => each !== b[i])
  return at < 0 ? 0 : a[at]! < b[at]! ? -1 : 1
}

describe('late records', () => {
  const at = (key: string, timestamp: number, value = timestamp): Input => ({ key, value, timestamp })

  it('are those that miss a window of theirs, once each, and are still in the windows that are open', async () => {
    const inputs = [at('a', 21), at('a', 13), at('b', 12)]
    const { out, late } = await run(inputs, hopping({ size: 10, advance: 5, grace: 0 }))
    expect(late).toEqual(inputs.slice(1))
    expect(out.map(nameOf)).toEqual(['a 15 25', 'a 20 30'])
    const later = await run(inputs, hopping({ size: 10, advance: 5, grace: 1 }))
    expect(later.late).toEqual(inputs.slice(1))
    expect(later.out.map(nameOf)).toEqual(['a 15 25', 'a 20 30'])
    expect((await run(inputs, hopping({ size: 10, advance: 5, grace: 2 }))).late).toEqual(inputs.slice(1))
  })

  it('are found by each key for itself with a clock per key', async () => {
    const inputs = [at('a', 1000), at('b', 3), at('b', 4), at('a', 5)]
    const windows: readonly Windows[] = [
      tumbling({ size: 10, grace: 0 }),
      sliding({ difference: 10, grace: 0 }),
      session({ gap: 10, grace: 0 }),
    ]
    for (const each of windows) {
      expect((await run(inputs, each)).late).toEqual(inputs.slice(1))
      expect((await run(inputs, each, { clock: 'perKey' })).late).toEqual(inputs.slice(3))
    }
  })
})

it('keeps sliding windows for as long as they matter', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat({ max: 12 }), { maxLength: 14 }),
      fc.record({ difference: span(3), grace: span(4) }).map(sliding),
      fc.constantFrom<WindowClock>('operator', 'perKey'),
      async (times, windows, clock) => {
        const inputs = times.map((timestamp, value): Input => ({ key: 'a', value, timestamp }))
        expect(await run(inputs, windows, { clock })).toEqual(
          await run(inputs, windows, { clock, retention: 1000 }),
        )
      },
    ),
    { numRuns: 500 },
  )
})

it('emits a window that closes by a jump of time beyond the retention', async () => {
  const inputs = [
    { key: 'a', value: 1, timestamp: 5 },
    { key: 'a', value: 2, timestamp: 1_000_000 },
  ]
  const windows: readonly Windows[] = [
    tumbling({ size: 10, grace: 0 }),
    sliding({ difference: 5, grace: 0 }),
    session({ gap: 10, grace: 0 }),
  ]
  for (const each of windows) {
    const { out } = await run(inputs, each, { emit: 'close' })
    expect(out).toMatchObject([{ key: 'a', values: [1], timestamp: 5 }])
  }
})

it('keeps a session that is exactly gap + grace old, because records still join it', async () => {
  const inputs = [0, 30, 10].map(timestamp => ({ key: 'a', value: timestamp, timestamp }))
  const { out } = await run(inputs, session({ gap: 10, grace: 20 }))
  expect(sorted(contentsOf(out)).map(nameOf)).toEqual(['a 0 10', 'a 30 30'])
})

it('agrees with the samples that collect finds in the same windows', async () => {
  const windows = hopping({ size: 10, advance: 4, grace: 3 })
  await fc.assert(
    fc.asyncProperty(inputsOf({ size: 40 }), async inputs => {
      const builder = new TopologyBuilder()
      const grouped = builder.stream('in', { key: string, value: json<{ x: number }>() }).groupByKey()
      const table = grouped
        .window('aggregated', windows)
        .aggregate<readonly number[]>(
          { initial: () => [], add: (list, value) => [...list, value!.x], value: json<readonly number[]>() },
          { emit: 'close' },
        )
      const collected = grouped.window('collected', windows).collect(['x'])
      table
        .toStream()
        .map((list, { key }) => [key, ascending(list!)])
        .to('aggregates', { key: string, value: json() })
      collected
        .mapWindows('samples', samples => ascending([...samples.column('x')]))
        .to('samples', { value: json() })
      table.late.to('late-of-aggregates', { key: string, value: json() })
      collected.late.to('late-of-samples', { key: string, value: json() })
      const driver = await TopologyTestDriver.start(builder.build())
      for (const { value, ...input } of inputs) await driver.pipe('in', { ...input, value: { x: value } })
      const read = (topic: string) => driver.read(topic, { key: string, value: json() })
      expect(await read('aggregates')).toEqual(await read('samples'))
      expect(await read('late-of-aggregates')).toEqual(await read('late-of-samples'))
      await driver.close()
    }),
    { numRuns: 30 },
  )
})

describe('what cannot be is refused', () => {
  const windowed = <W extends Windows>(windows: W) =>
    new TopologyBuilder().stream('in', { key: string, value: long }).groupByKey().window('w', windows)

  it('when windows are made', () => {
    expect(() => tumbling({ size: 0, grace: 0 })).toThrow(/no windows of 0 ms/)
    expect(() => hopping({ size: 10, advance: 15, grace: 0 })).toThrow(/every 15 ms/)
    expect(() => session({ gap: -1, grace: 0 })).toThrow(/-1 is not a duration/)
    expect(() => sliding({ difference: 1, grace: -1 })).toThrow(/-1 is not a duration/)
    expect(() => unlimited({ start: -1 })).toThrow(/no window begins at -1/)
  })

  it('when windows are kept for a shorter time than they take records', () => {
    expect(() => windowed(tumbling({ size: 10, grace: 5 })).count({ retention: 14 })).toThrow(
      expect.objectContaining({ code: 'TOPOLOGY_RETENTION_TOO_SHORT' }),
    )
    expect(() => windowed(sliding({ difference: 10, grace: 5 })).count({ retention: 24 })).toThrow(
      /w: .* 25 ms/,
    )
    expect(() => windowed(session({ gap: 10, grace: 5 })).count({ retention: 14 })).toThrow(/w: .* 15 ms/)
    windowed(session({ gap: 10, grace: 5 })).count({ retention: 15 })
  })

  it('when final results of windows without an end are asked for', () => {
    expect(() => windowed(unlimited()).count({ emit: 'close' })).toThrow(
      /w: an unlimited window never closes/,
    )
  })

  it('when sessions cannot be merged', () => {
    const windows: Windows = session({ gap: 1, grace: 0 } satisfies Pick<SessionWindows, 'gap' | 'grace'>)
    const aggregator = { initial: () => 0, add: (count: number) => count + 1, value: long }
    expect(() => windowed<Windows>(windows).aggregate<number>(aggregator)).toThrow(/w: sessions need to know/)
  })
})
