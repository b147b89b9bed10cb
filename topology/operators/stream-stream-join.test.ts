import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryLog, string, TickerError, TopologyBuilder } from '../index.ts'
import { ManualTimers } from '../testing/manual-timers.ts'
import { TopologyTestDriver } from '../testing/test-driver.ts'

type Kind = 'join' | 'leftJoin' | 'outerJoin'

interface Window {
  readonly before: number
  readonly after: number
  readonly grace: number
}

interface Input {
  readonly side: 'left' | 'right'
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
}

interface Result {
  readonly key: string | null
  readonly value: string
  readonly timestamp: number
}

const text = { key: string, value: string }

function topologyOf(kind: Kind, window: Window) {
  const builder = new TopologyBuilder()
  const left = builder.stream('left', text)
  const right = builder.stream('right', text)
  const pair = (l: string | null, r: string | null): string => `${l}+${r}`
  const joined = {
    join: () => left.join('pairs', right, pair, window),
    leftJoin: () => left.leftJoin('pairs', right, pair, window),
    outerJoin: () => left.outerJoin('pairs', right, pair, window),
  }[kind]()
  joined.to('out', text)
  return builder.build()
}

async function run(
  kind: Kind,
  window: Window,
  inputs: readonly Input[],
  options: { commitEvery?: number; restartAfter?: number } = {},
): Promise<Result[]> {
  const timers = new ManualTimers()
  const log = memoryLog({ now: () => timers.now() })
  const graph = topologyOf(kind, window)
  const { commitEvery, restartAfter } = options
  let driver = await TopologyTestDriver.start(graph, { log, commitEvery })
  for (const [i, { side, ...record }] of inputs.entries()) {
    if (i === restartAfter) {
      await driver.close()
      driver = await TopologyTestDriver.start(graph, { log, commitEvery })
    }
    await driver.pipe(side, record)
  }
  await driver.commit()
  const out = await driver.read('out', text)
  await driver.close()
  await log.close()
  return out.map(({ key, value, timestamp }) => ({ key, value: value!, timestamp }))
}

/** Kafka Streams' rules in their plainest form, on lists that are looked through at every record. */
function naive(kind: Kind, window: Window, inputs: readonly Input[]): Result[] {
  const { before, after, grace } = window
  const keeps = { left: kind !== 'join', right: kind === 'outerJoin' }
  const reach = { left: after, right: before }
  const buffers: Record<Input['side'], Input[]> = { left: [], right: [] }
  const newest = { left: Number.NEGATIVE_INFINITY, right: Number.NEGATIVE_INFINITY }
  let unmatched: Input[] = []
  let [time, low] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const out: Result[] = []
  const alone = ({ side, key, value, timestamp }: Input): void => {
    out.push({ key, timestamp, value: side === 'left' ? `${value}+null` : `null+${value}` })
  }
  const lookForOverdue = (side: Input['side']): void => {
    if (low + reach[side] + grace >= time) return
    low = Number.POSITIVE_INFINITY
    const undue = new Set<Input['side']>()
    const sorted = unmatched.toSorted(
      (a, b) =>
        a.timestamp - b.timestamp ||
        (a.side === b.side ? 0 : a.side === 'right' ? -1 : 1) ||
        Buffer.compare(Buffer.from(a.key!), Buffer.from(b.key!)),
    )
    for (const entry of sorted) {
      low = entry.timestamp
      if (undue.size === 2) break
      if (entry.timestamp + reach[entry.side] + grace >= time) {
        undue.add(entry.side)
        continue
      }
      alone(entry)
      unmatched = unmatched.filter(each => each !== entry)
    }
  }
  for (const input of inputs) {
    const { side, key, value, timestamp } = input
    const other = side === 'left' ? 'right' : 'left'
    time = Math.max(time, timestamp)
    if (value === null) continue
    if (key === null) {
      if (keeps[side]) alone(input)
      continue
    }
    if (timestamp === time) lookForOverdue(side)
    const distance = (match: Input): number =>
      side === 'left' ? match.timestamp - timestamp : timestamp - match.timestamp
    const matches = buffers[other]
      .filter(match => match.key === key && distance(match) >= -before && distance(match) <= after)
      .toSorted((a, b) => a.timestamp - b.timestamp)
    for (const match of matches) {
      unmatched = unmatched.filter(
        each => each.side !== other || each.key !== key || each.timestamp !== match.timestamp,
      )
      const [left, right] = side === 'left' ? [value, match.value] : [match.value, value]
      out.push({ key, value: `${left}+${right}`, timestamp: Math.max(timestamp, match.timestamp) })
    }
    if (matches.length === 0 && keeps[side]) {
      if (timestamp + reach[side] < time) alone(input)
      else {
        unmatched.push(input)
        low = Math.min(low, timestamp)
      }
    }
    newest[side] = Math.max(newest[side], timestamp)
    buffers[side].push(input)
    const gone = newest[side] - before - after - grace
    buffers[side] = buffers[side].filter(each => each.timestamp > gone)
  }
  return out
}

const kind = fc.constantFrom<Kind>('join', 'leftJoin', 'outerJoin')
// Few different times and distances, so that they often are just equal.
const window = fc
  .record({ before: fc.integer({ min: -2, max: 4 }), span: fc.nat(5), grace: fc.nat(3) })
  .map(({ before, span, grace }) => ({ before, after: span - before, grace }))
const inputs = fc.array(
  fc.record({
    side: fc.constantFrom('left' as const, 'right' as const),
    key: fc.option(fc.constantFrom('a', 'b', 'é'), { freq: 8 }),
    value: fc.option(fc.constantFrom('v', 'w'), { freq: 10 }),
    // Mostly onwards, sometimes back.
    step: fc.integer({ min: -4, max: 6 }),
  }),
  { minLength: 10, maxLength: 40 },
)

function timed(steps: readonly (Omit<Input, 'timestamp'> & { step: number })[]): Input[] {
  let now = 50
  return steps.map(({ side, key, value, step }, i) => {
    now = Math.max(0, now + step)
    return { side, key, value: value && `${value}${i}`, timestamp: now }
  })
}

describe('a join of streams', () => {
  it('gives what the rules give, whatever the window and the commits, also across a restart', async () => {
    await fc.assert(
      fc.asyncProperty(kind, window, inputs, fc.nat(40), async (kind, window, steps, restartAfter) => {
        const records = timed(steps)
        const expected = naive(kind, window, records)
        expect(await run(kind, window, records)).toEqual(expected)
        expect(await run(kind, window, records, { commitEvery: 3, restartAfter })).toEqual(expected)
      }),
      { numRuns: 120, seed: 7 },
    )
  })

  it('keeps what is unmatched across a restart, and lets it come out once', async () => {
    const window = { before: 10, after: 10, grace: 5 }
    const records: Input[] = [
      { side: 'left', key: 'a', value: 'alone', timestamp: 100 },
      { side: 'left', key: 'b', value: 'met', timestamp: 100 },
      { side: 'right', key: 'b', value: 'partner', timestamp: 105 },
      { side: 'right', key: 'c', value: 'later', timestamp: 200 },
      { side: 'right', key: 'c', value: 'latest', timestamp: 300 },
    ]
    for (const restartAfter of [1, 2, 3, 4]) {
      expect(await run('leftJoin', window, records, { restartAfter })).toEqual([
        { key: 'b', value: 'met+partner', timestamp: 105 },
        { key: 'a', value: 'alone+null', timestamp: 100 },
      ])
    }
  })

  it('repartitions the side whose key changed, with its null keys where it is kept', async () => {
    const builder = new TopologyBuilder()
    const left = builder
      .stream('left', text)
      .selectKey((value): string | null => (value === 'keyless' ? null : 'x'), { key: string })
    const right = builder.stream('right', text)
    left.leftJoin('pairs', right, (l, r) => `${l}+${r}`, { before: 10, after: 10, grace: 0 }).to('out', text)
    const graph = builder.build()
    expect(graph.nodes.filter(node => node.kind === 'repartition').map(node => node.name)).toEqual([
      'pairs-left-repartition',
    ])
    const driver = await TopologyTestDriver.start(graph)
    await driver.pipe('right', { key: 'x', value: 'R', timestamp: 1 })
    await driver.pipe('left', { key: 'any', value: 'L', timestamp: 2 })
    await driver.pipe('left', { key: 'any', value: 'keyless', timestamp: 3 })
    expect((await driver.read('out', text)).map(({ key, value }) => [key, value])).toEqual([
      ['x', 'L+R'],
      [null, 'keyless+null'],
    ])
    await driver.close()
  })

  it('refuses a window that ends before it begins, and negative grace', () => {
    const refused = (window: Window): string => {
      try {
        topologyOf('join', window)
      } catch (error) {
        if (error instanceof TickerError) return error.code
      }
      return 'built'
    }
    expect(refused({ before: -600, after: 500, grace: 0 })).toBe('TOPOLOGY_JOIN_WINDOW_INVALID')
    expect(refused({ before: 5, after: 5, grace: -1 })).toBe('TOPOLOGY_DURATION_INVALID')
    expect(refused({ before: -500, after: 500, grace: 0 })).toBe('built')
  })
})
