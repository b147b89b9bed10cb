import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeyValueStore } from '../../state/index.ts'
import { string, TopologyBuilder } from '../index.ts'
import { memoryLog } from '../log/memory/memory-log.ts'
import { ManualTimers } from '../testing/manual-timers.ts'
import { TopologyTestDriver } from '../testing/test-driver.ts'

/** Rows of the left table refer to the right one by their first letter; `-` refers to nothing. */
function topologyOf(keepsLeft: boolean) {
  const builder = new TopologyBuilder()
  const left = builder.table('left', { key: string, value: string, store: 'lefts' })
  const right = builder.table('right', { key: string, value: string, store: 'rights' })
  const options = {
    foreignKey: (value: string) => (value.startsWith('-') ? null : value.slice(0, 1)),
    joiner: (l: string, r: string | null) => `${l}+${r}`,
    value: string,
  }
  const joined = keepsLeft
    ? left.foreignKeyLeftJoin('joined', right, options)
    : left.foreignKeyJoin('joined', right, options)
  joined.toStream().to('out', { key: string, value: string })
  return builder.build()
}

interface Input {
  readonly topic: 'left' | 'right'
  readonly key: string
  readonly value: string | null
}

const someInputs = fc.array(
  fc.oneof(
    fc.record({
      topic: fc.constant('left' as const),
      key: fc.constantFrom('k', 'l', 'm', 'n', 'o'),
      value: fc.option(fc.constantFrom('a1', 'a2', 'b1', 'c1', '-')),
    }),
    fc.record({
      topic: fc.constant('right' as const),
      key: fc.constantFrom('a', 'b', 'c'),
      value: fc.option(fc.constantFrom('x', 'y')),
    }),
  ),
  { maxLength: 30 },
)

/** The join of what both tables hold in the end, and how many left rows refer to something. */
function naive(inputs: readonly Input[], keepsLeft: boolean) {
  const tables = { left: new Map<string, string>(), right: new Map<string, string>() }
  for (const { topic, key, value } of inputs) {
    if (value === null) tables[topic].delete(key)
    else tables[topic].set(key, value)
  }
  const joined: Record<string, string> = {}
  let references = 0
  for (const [key, value] of tables.left) {
    if (value !== '-') references++
    const found = tables.right.get(value.slice(0, 1)) ?? null
    if (found !== null || keepsLeft) joined[key] = `${value}+${found}`
  }
  return { joined, references }
}

async function run(inputs: readonly Input[], keepsLeft: boolean, restartAfter: number) {
  const timers = new ManualTimers()
  const log = memoryLog({ now: () => timers.now() })
  const options = { log, commitEvery: 2, partitions: 3 }
  let driver = await TopologyTestDriver.start(topologyOf(keepsLeft), options)
  for (const [i, { topic, key, value }] of inputs.entries()) {
    if (i === restartAfter) {
      await driver.close()
      driver = await TopologyTestDriver.start(topologyOf(keepsLeft), options)
    }
    await driver.pipe(topic, { key, value, timestamp: i })
  }
  // Once for the subscriptions, once for the answers, once for what comes out.
  for (let i = 0; i < 3; i++) await driver.commit()
  const joined: Record<string, string> = {}
  for (const { key, value } of await driver.read('out', { key: string, value: string })) {
    if (value === null) delete joined[key!]
    else joined[key!] = value
  }
  const references = driver
    .stores('joined-subscriptions')
    .reduce((count, store) => count + (store instanceof KeyValueStore ? store.size : 0), 0)
  await driver.close()
  await log.close()
  return { joined, references }
}

describe('foreign-key join', () => {
  it.each([
    ['came back without a reference before the answer to its deletion', [null, '-']],
    ['was deleted before the answer to the loss of its reference', ['-', null]],
    ['came back with another reference before the answer to its deletion', [null, 'b1']],
  ])('takes a result away when the row %s', async (_, values) => {
    const inputs: Input[] = [
      { topic: 'left', key: 'k', value: 'a1' },
      { topic: 'right', key: 'a', value: 'x' },
      // So that the two that follow are processed before the answer to the first of them, on another partition, is.
      { topic: 'right', key: 'a', value: 'x' },
      ...values.map(value => ({ topic: 'left' as const, key: 'k', value })),
    ]
    expect(await run(inputs, false, 0)).toMatchObject({ joined: {} })
  })

  it.each([
    ['inner', false],
    ['left', true],
  ])(
    'ends, on three partitions and through a restart, as the %s join of both tables',
    async (_, keepsLeft) => {
      await fc.assert(
        fc.asyncProperty(someInputs, fc.nat({ max: 30 }), async (inputs, restartAfter) => {
          expect(await run(inputs, keepsLeft, restartAfter)).toEqual(naive(inputs, keepsLeft))
        }),
        { numRuns: 25 },
      )
    },
  )
})
