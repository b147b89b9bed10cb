import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryLog, string, TickerError, TopologyBuilder } from '../index.ts'
import { ManualTimers } from '../testing/manual-timers.ts'
import { TopologyTestDriver } from '../testing/test-driver.ts'

interface Input {
  readonly topic: 'stream' | 'table'
  readonly key: string
  readonly value: string | null
  readonly timestamp: number
}

const text = { key: string, value: string }

function topologyOf(options: { history?: number; grace?: number }) {
  const builder = new TopologyBuilder()
  const table = builder.table('table', { ...text, store: 'versions', historyRetention: options.history })
  builder
    .stream('stream', text)
    .leftJoin('enriched', table, (value, found) => `${value}+${found}`, { grace: options.grace })
    .to('out', text)
  return builder.build()
}

async function run(
  inputs: readonly Input[],
  options: { history?: number; grace?: number; restartAfter?: number; commitEvery?: number },
) {
  const timers = new ManualTimers()
  const log = memoryLog({ now: () => timers.now() })
  const graph = topologyOf(options)
  const { commitEvery, restartAfter } = options
  let driver = await TopologyTestDriver.start(graph, { log, commitEvery })
  for (const [i, { topic, ...record }] of inputs.entries()) {
    if (i === restartAfter) {
      await driver.close()
      driver = await TopologyTestDriver.start(graph, { log, commitEvery })
    }
    await driver.pipe(topic, { ...record, headers: [['nr', Buffer.from(`${i}`)]] })
  }
  await driver.commit()
  const out = await driver.read('out', text)
  await driver.close()
  await log.close()
  return out.map(({ key, value, timestamp, headers }) => [key, value, timestamp, headers[0]?.[1].toString()])
}

/** With a history longer than the test: every version is there. */
function naive(inputs: readonly Input[], grace: number) {
  const versions: Input[] = []
  let waiting: { input: Input; nr: number }[] = []
  let newest = Number.NEGATIVE_INFINITY
  const out: unknown[] = []
  const join = ({ key, value, timestamp }: Input, nr: number): void => {
    const valid = versions
      .filter(each => each.key === key && each.timestamp <= timestamp)
      .toSorted((a, b) => a.timestamp - b.timestamp)
    out.push([key, `${value}+${valid.at(-1)?.value ?? null}`, timestamp, `${nr}`])
  }
  for (const [nr, input] of inputs.entries()) {
    if (input.topic === 'table') versions.push(input)
    else if (input.value === null) continue
    else if (input.timestamp < newest - grace) join(input, nr)
    else {
      newest = Math.max(newest, input.timestamp)
      waiting.push({ input, nr })
      const due = waiting.filter(each => each.input.timestamp <= newest - grace)
      waiting = waiting.filter(each => !due.includes(each))
      due.sort(
        (a, b) =>
          a.input.timestamp - b.input.timestamp ||
          Buffer.compare(Buffer.from(a.input.key), Buffer.from(b.input.key)),
      )
      for (const each of due) join(each.input, each.nr)
    }
  }
  return out
}

const inputs = fc
  .array(
    fc.record({
      topic: fc.constantFrom('stream' as const, 'table' as const),
      key: fc.constantFrom('a', 'é', 'z'),
      value: fc.option(fc.constantFrom('v', 'w'), { freq: 6 }),
      step: fc.integer({ min: -4, max: 5 }),
    }),
    { minLength: 5, maxLength: 40 },
  )
  .map(steps => {
    let now = 50
    return steps.map(({ step, value, ...rest }, i): Input => {
      now = Math.max(0, now + step)
      return { ...rest, value: value && `${value}${i}`, timestamp: now }
    })
  })

describe('a join of a stream with a table', () => {
  it('finds what a versioned table held at the time, records waiting for it, also across a restart', async () => {
    await fc.assert(
      fc.asyncProperty(inputs, fc.nat(8), fc.nat(40), async (inputs, grace, restartAfter) => {
        const expected = naive(inputs, grace)
        expect(await run(inputs, { history: 1000, grace })).toEqual(expected)
        expect(await run(inputs, { history: 1000, grace, restartAfter, commitEvery: 3 })).toEqual(expected)
      }),
      { numRuns: 60, seed: 3 },
    )
  })

  it('finds the latest value of a table that keeps no versions, whatever its time', async () => {
    const inputs: Input[] = [
      { topic: 'table', key: 'a', value: 'first', timestamp: 100 },
      { topic: 'table', key: 'a', value: 'second', timestamp: 200 },
      { topic: 'stream', key: 'a', value: 'early', timestamp: 150 },
    ]
    expect(await run(inputs, {})).toEqual([['a', 'early+second', 150, '2']])
    expect(await run(inputs, { history: 1000 })).toEqual([['a', 'early+first', 150, '2']])
  })

  it('refuses to wait for a table that does not remember for so long', () => {
    const refused = (options: { history?: number; grace?: number }): string => {
      try {
        topologyOf(options)
      } catch (error) {
        if (error instanceof TickerError) return error.code
      }
      return 'built'
    }
    expect(refused({ grace: 100 })).toBe('TOPOLOGY_JOIN_GRACE_INVALID')
    expect(refused({ history: 1000, grace: 1001 })).toBe('TOPOLOGY_JOIN_GRACE_INVALID')
    expect(refused({ history: 1000, grace: 1000 })).toBe('built')
  })

  it('waits for a view of a versioned table, and not for a stored result of one', () => {
    const build = (store: string | undefined): (() => unknown) => {
      const builder = new TopologyBuilder()
      const table = builder.table('table', { ...text, store: 'versions', historyRetention: 1000 })
      const long = table.filter(value => value.length > 1, { store })
      const stream = builder.stream('stream', text)
      stream.join('enriched', long, (value, found) => value + found, { grace: 10 }).to('out', text)
      return () => builder.build()
    }
    expect(build(undefined)).not.toThrow()
    expect(build('long')).toThrow(/keeps no older versions/)
  })
})
