import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hopping, json, string, type TimeWindows, TopologyBuilder } from '../index.ts'
import { memoryLog } from '../log/memory/memory-log.ts'
import { ManualTimers } from '../testing/manual-timers.ts'
import { TopologyTestDriver } from '../testing/test-driver.ts'

interface Sample {
  readonly x: number | null
}

interface Emitted {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly times: readonly number[]
  readonly values: readonly number[]
}

function topologyOf(windows: TimeWindows, clock: 'operator' | 'perKey') {
  const builder = new TopologyBuilder()
  const collected = builder
    .stream('in', { key: string, value: json<Sample>() })
    .groupByKey()
    .window('samples', windows, { clock })
    .collect(['x'], clock === 'perKey' ? { endsKey: value => value === null } : {})
  collected
    .mapWindows(
      'emitted',
      (samples, window): Emitted => ({
        key: window.key,
        start: window.start,
        end: window.end,
        times: [...samples.timestamps],
        values: [...samples.column('x')],
      }),
    )
    .to('out', { value: json<Emitted>() })
  collected.late.to('late', { value: json<Sample>() })
  return builder.build()
}

interface Input {
  readonly key: string
  readonly value: Sample | null
  readonly timestamp: number
}

async function run(
  inputs: readonly Input[],
  windows: TimeWindows,
  clock: 'operator' | 'perKey',
  options: { commitEvery?: number; restartAfter?: number } = {},
) {
  const timers = new ManualTimers()
  const log = memoryLog({ now: () => timers.now() })
  const graph = topologyOf(windows, clock)
  let driver = await TopologyTestDriver.start(graph, { log, commitEvery: options.commitEvery })
  for (const [i, input] of inputs.entries()) {
    if (i === options.restartAfter) {
      await driver.close()
      driver = await TopologyTestDriver.start(graph, { log, commitEvery: options.commitEvery })
    }
    await driver.pipe('in', input)
  }
  await driver.commit()
  const serdes = { key: string, value: json<Emitted>() }
  const out = (await driver.read('out', serdes)).map(record => ({
    ...record.value!,
    timestamp: record.timestamp,
  }))
  const late = (await driver.read('late', { key: string, value: json<Sample>() })).map(
    ({ key, value, timestamp }) => ({
      key,
      value,
      timestamp,
    }),
  )
  await driver.close()
  await log.close()
  return { out, late }
}

/** The rules in their plainest form: every window a list of its own, looked through at every record. */
function naive(inputs: readonly Input[], windows: TimeWindows, clock: 'operator' | 'perKey') {
  const clocks = new Map<string, number>()
  const open = new Map<string, { key: string; start: number; members: Input[] }>()
  const out: (Emitted & { timestamp: number })[] = []
  const late: Input[] = []
  const isClosed = (start: number, time: number): boolean => start + windows.size + windows.grace <= time
  const clockOf = (key: string): string => (clock === 'perKey' ? key : '')
  for (const input of inputs) {
    const id = clockOf(input.key)
    const before = clocks.get(id) ?? Number.NEGATIVE_INFINITY
    const reached =
      input.value === null
        ? Math.max(before, input.timestamp) + windows.size + windows.grace
        : input.timestamp
    const time = Math.max(before, reached)
    clocks.set(id, time)
    const names = [...open.keys()].sort()
    for (const name of names) {
      const { key, start, members } = open.get(name)!
      if (clockOf(key) !== id || !isClosed(start, time)) continue
      open.delete(name)
      members.sort((a, b) => a.timestamp - b.timestamp)
      out.push({
        key,
        start,
        end: start + windows.size,
        times: members.map(sample => sample.timestamp),
        values: members.map(sample => sample.value?.x ?? Number.NaN),
        timestamp: members.at(-1)!.timestamp,
      })
    }
    if (input.value === null) continue
    let isLate = false
    for (let start = 0; start <= input.timestamp; start += windows.advance) {
      if (input.timestamp >= start + windows.size) continue
      if (isClosed(start, time)) {
        isLate = true
        continue
      }
      const name = `${String(start).padStart(9, '0')} ${input.key}`
      const window = open.get(name) ?? { key: input.key, start, members: [] }
      window.members.push(input)
      open.set(name, window)
    }
    if (isLate) late.push(input)
  }
  return { out, late }
}

/** As JSON writes it: NaN as null. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const inputsOf = (ends: boolean) =>
  fc.array(
    fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      value: fc.oneof(
        { weight: 9, arbitrary: fc.record({ x: fc.option(fc.integer({ min: -9, max: 9 })) }) },
        { weight: ends ? 1 : 0, arbitrary: fc.constant(null) },
      ),
      timestamp: fc.integer({ min: 0, max: 60 }),
    }),
    { maxLength: 60 },
  )

const someWindows = fc
  .record({
    size: fc.integer({ min: 1, max: 12 }),
    advance: fc.integer({ min: 1, max: 12 }),
    grace: fc.integer({ min: 0, max: 9 }),
  })
  .filter(({ size, advance }) => advance <= size)
  .map(hopping)

describe('collect', () => {
  it('hands on a window once, when its clock passes end and grace, with its samples in order of time', async () => {
    const inputs = [
      { key: 'a', value: { x: 1 }, timestamp: 12 },
      { key: 'a', value: { x: 2 }, timestamp: 11 },
      { key: 'a', value: { x: null }, timestamp: 17 },
      { key: 'a', value: { x: 4 }, timestamp: 22 },
    ]
    const { out } = await run(inputs, hopping({ size: 10, advance: 5, grace: 1 }), 'perKey')
    expect(out).toEqual([
      { key: 'a', start: 5, end: 15, times: [11, 12], values: [2, 1], timestamp: 12 },
      { key: 'a', start: 10, end: 20, times: [11, 12, 17], values: [2, 1, null], timestamp: 17 },
    ])
  })

  it('finds late what comes for a closed window, and still takes it into those open', async () => {
    const inputs = [
      { key: 'a', value: { x: 1 }, timestamp: 21 },
      { key: 'a', value: { x: 2 }, timestamp: 13 },
      { key: 'a', value: { x: 3 }, timestamp: 30 },
    ]
    const { out, late } = await run(inputs, hopping({ size: 10, advance: 5, grace: 0 }), 'perKey')
    expect(late).toEqual([{ key: 'a', value: { x: 2 }, timestamp: 13 }])
    expect(out).toMatchObject([
      { start: 15, values: [1] },
      { start: 20, values: [1] },
    ])
    expect(naive(inputs, hopping({ size: 10, advance: 5, grace: 0 }), 'perKey').late).toHaveLength(1)
  })

  it.each(['operator', 'perKey'] as const)('does as a naive model does, clock %s', async clock => {
    await fc.assert(
      fc.asyncProperty(
        inputsOf(clock === 'perKey'),
        someWindows,
        fc.integer({ min: 1, max: 7 }),
        async (inputs, windows, commitEvery) => {
          expect(await run(inputs, windows, clock, { commitEvery })).toEqual(
            plain(naive(inputs, windows, clock)),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  it.each(['operator', 'perKey'] as const)(
    'goes on after a restart as if there had been none, clock %s',
    async clock => {
      await fc.assert(
        fc.asyncProperty(
          inputsOf(clock === 'perKey'),
          someWindows,
          fc.nat({ max: 50 }),
          async (inputs, windows, restartAfter) => {
            const restarted = await run(inputs, windows, clock, { commitEvery: 3, restartAfter })
            expect(restarted).toEqual(plain(naive(inputs, windows, clock)))
          },
        ),
        { numRuns: 40 },
      )
    },
  )
})
