import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { long, string, TopologyBuilder, tumbling, untilTimeLimit, untilWindowCloses } from '../index.ts'
import { memoryLog } from '../log/memory/memory-log.ts'
import { ManualTimers } from '../testing/manual-timers.ts'
import { TopologyTestDriver } from '../testing/test-driver.ts'

interface Input {
  readonly key: string
  readonly value: number | null
  readonly timestamp: number
}

type Output = readonly [key: string | null, value: number | null, timestamp: number]

function held(suppression: ReturnType<typeof untilTimeLimit>) {
  const builder = new TopologyBuilder()
  builder
    .table('in', { key: string, value: long, store: 'rows' })
    .suppress('held', suppression)
    .toStream()
    .to('out', { key: string, value: long })
  return builder.build()
}

async function run(
  graph: ReturnType<typeof held>,
  inputs: readonly Input[],
  options: { commitEvery?: number; restartAfter?: number } = {},
): Promise<Output[]> {
  const timers = new ManualTimers()
  const log = memoryLog({ now: () => timers.now() })
  const { commitEvery } = options
  let driver = await TopologyTestDriver.start(graph, { log, commitEvery })
  for (const [i, input] of inputs.entries()) {
    if (i === options.restartAfter) {
      await driver.close()
      driver = await TopologyTestDriver.start(graph, { log, commitEvery })
    }
    await driver.pipe('in', input)
  }
  await driver.commit()
  const records = await driver.read('out', { key: string, value: long })
  await driver.close()
  await log.close()
  return records.map(({ key, value, timestamp }) => [key, value, timestamp] as const)
}

/** The rules in their plainest form: a list looked through at every record. */
function naive(inputs: readonly Input[], wait: number, maxRecords: number): Output[] {
  const out: Output[] = []
  let waiting: { since: number; key: string; last: Input }[] = []
  let time = Number.NEGATIVE_INFINITY
  for (const input of inputs) {
    time = Math.max(time, input.timestamp)
    const place = waiting.find(each => each.key === input.key)
    if (place === undefined) waiting.push({ since: input.timestamp, key: input.key, last: input })
    else place.last = input
    waiting.sort((a, b) => a.since - b.since || (a.key < b.key ? -1 : 1))
    const due = waiting.filter(each => each.since <= time - wait).length
    for (const { key, last } of waiting.slice(0, Math.max(due, waiting.length - maxRecords)))
      out.push([key, last.value, last.timestamp])
    waiting = waiting.slice(Math.max(due, waiting.length - maxRecords))
  }
  return out
}

const someInputs = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    value: fc.option(fc.integer({ min: 0, max: 9 })),
    timestamp: fc.integer({ min: 0, max: 60 }),
  }),
  { maxLength: 40 },
)

describe('suppress', () => {
  it('does as a naive model does, through a restart', async () => {
    await fc.assert(
      fc.asyncProperty(
        someInputs,
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat({ max: 40 }),
        async (inputs, wait, maxRecords, restartAfter) => {
          const graph = held(untilTimeLimit(wait, { maxRecords }))
          expect(await run(graph, inputs, { commitEvery: 3, restartAfter })).toEqual(
            naive(inputs, wait, maxRecords),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  it('lets go of the oldest when it holds too many bytes', async () => {
    // A key and a value of one byte and eight, with what is kept beside them: two fit, three do not.
    const inputs = ['a', 'b', 'c'].map((key, i) => ({ key, value: i, timestamp: i }))
    expect(await run(held(untilTimeLimit('1 m', { maxBytes: 60 })), inputs)).toEqual([['a', 0, 0]])
    expect(await run(held(untilTimeLimit('1 m', { maxBytes: 600 })), inputs)).toEqual([])
  })

  it('tells a subtractor the value it handed on before, not one it held back', async () => {
    const builder = new TopologyBuilder()
    builder
      .table('in', { key: string, value: long, store: 'rows' })
      .suppress('held', untilTimeLimit(10))
      .groupBy(value => ['all', value], { key: string, value: long })
      .aggregate('sum', {
        initial: () => 0,
        add: (sum, value) => sum + value,
        subtract: (sum, value) => sum - value,
        value: long,
      })
      .toStream()
      .to('out', { key: string, value: long })
    const inputs = [
      { key: 'a', value: 1, timestamp: 0 },
      { key: 'b', value: 100, timestamp: 10 },
      { key: 'a', value: 2, timestamp: 11 },
      { key: 'a', value: 3, timestamp: 12 },
      { key: 'b', value: 100, timestamp: 30 },
    ]
    const sums = (await run(builder.build(), inputs)).map(([, value]) => value)
    expect(sums).toEqual([1, 101, 103])
  })

  it('needs windows to wait for their closing, and limits that can be', () => {
    const table = new TopologyBuilder().table('in', { key: string, value: long, store: 'rows' })
    expect(() => table.suppress('final', untilWindowCloses())).toThrowError(
      /final: the table before it has no/,
    )
    expect(() => untilTimeLimit(1, { maxRecords: 0 })).toThrowError(/maxRecords of a suppression is 0/)
    const versions = new TopologyBuilder()
    versions
      .table('in', { key: string, value: long, historyRetention: 10 })
      .filter(() => true)
      .suppress('held', untilTimeLimit(1))
    expect(() => versions.build()).toThrowError(/held: the table before it is of versions/)
    const perKey = new TopologyBuilder()
      .stream('in', { key: string, value: long })
      .groupByKey()
      .window('counts', tumbling({ size: 10, grace: 0 }), { clock: 'perKey' })
      .count()
    expect(() => perKey.suppress('final', untilWindowCloses())).toThrowError(/by each key's own time/)
  })
})
