import { describe, expect, test } from 'vitest'
import { json, long, string, TopologyBuilder } from '../index.ts'
import { TopologyTestDriver } from '../testing/test-driver.ts'
import { hopping, session, sliding, tumbling, type Windows } from '../windows.ts'

type Clock = 'operator' | 'perKey'

const idle = '10 s'
const small = tumbling({ size: '5 s', grace: '1 s' })

/** Windows of samples or of counts, each as `key@start` and how many; what is late goes to `late`. */
const topologies = {
  collect: (clock: Clock, windows: Windows) => {
    if (windows.kind !== 'time') throw new Error('only these can be collected')
    const builder = new TopologyBuilder()
    const windowed = builder
      .stream('in', { key: string, value: json<{ beats: number }>() })
      .groupByKey()
      .window('windows', windows, { clock, idle })
      .collect(['beats'])
    windowed
      .mapWindows('sizes', (samples, { key, start }) => ({ key: `${key}@${start}`, count: samples.count }))
      .map(({ key, count }) => [key, count], { key: string, value: long })
      .to('out')
    windowed.late.to('late')
    return builder.build()
  },
  count: (clock: Clock, windows: Windows) => {
    const builder = new TopologyBuilder()
    const counts = builder
      .stream('in', { key: string, value: json<{ beats: number }>() })
      .groupByKey()
      .window('windows', windows, { clock, idle })
      .count({ emit: 'close' })
    counts
      .toStream()
      .map((count, { key, start }) => [`${key}@${start}`, count ?? -1], { key: string, value: long })
      .to('out')
    counts.late.to('late')
    return builder.build()
  },
}

async function started(kind: keyof typeof topologies, clock: Clock, windows: Windows = small) {
  const driver = await TopologyTestDriver.start(topologies[kind](clock, windows), { now: 1_000_000 })
  return {
    driver,
    feed: (key: string, timestamp: number) => driver.pipe('in', { key, value: { beats: 1 }, timestamp }),
    async pass(ms: number) {
      // As a node would see it: in steps, not all at once.
      for (let left = ms; left > 0; left -= 500) await driver.advanceWallClock(Math.min(500, left))
      await driver.commit()
    },
    async closed() {
      const records = await driver.read('out', { key: string, value: long })
      return records.map(({ key, value }) => `${key} ${value}`)
    },
    async late() {
      const records = await driver.read('late', { key: string, value: json<{ beats: number }>() })
      return records.map(({ key, timestamp }) => `${key} ${timestamp}`)
    },
  }
}

describe.each(['collect', 'count'] as const)('%s', kind => {
  test.each(['operator', 'perKey'] as const)(
    'closes the windows of a silent clock, clock %s',
    async clock => {
      const { driver, feed, pass, closed, late } = await started(kind, clock)
      await feed('a', 1000)
      await feed('a', 2000)
      // The window ends at 5000 and takes records until 6000: 4 s after the last one, and then it waits 10.
      await pass(13_900)
      expect(await closed()).toEqual([])
      await pass(1000)
      expect(await closed()).toEqual(['a@0 2'])
      await feed('a', 3000)
      await feed('a', 7000)
      await driver.commit()
      expect(await late()).toEqual(['a 3000'])
      await pass(30_000)
      expect(await closed()).toEqual(['a@5000 1'])
      await driver.close()
    },
  )

  test('moves only the clock that is silent', async () => {
    const { driver, feed, pass, closed } = await started(kind, 'perKey')
    await feed('a', 1000)
    await feed('b', 1000)
    for (let time = 1000; time < 16_000; time += 500) {
      await feed('b', 1001)
      await pass(500)
    }
    expect(await closed()).toEqual(['a@0 1'])
    await driver.close()
  })

  test.each(['operator', 'perKey'] as const)(
    'goes on after a restart with the clock it moved, clock %s',
    async clock => {
      const { driver, feed, pass, closed, late } = await started(kind, clock)
      await feed('a', 1000)
      await pass(16_000)
      await feed('a', 6000)
      await driver.restart()
      expect(await closed()).toEqual(['a@0 1'])
      await feed('a', 2000)
      // Silence begins with the restart for what was found.
      await pass(15_100)
      expect(await late()).toEqual(['a 2000'])
      expect(await closed()).toEqual(['a@5000 1'])
      await driver.close()
    },
  )
})

test.each([
  ['hopping', hopping({ size: '5 s', advance: '2.5 s', grace: 0 }), ['a@0 1', 'a@2500 1']],
  ['sliding', sliding({ difference: '5 s', grace: 0 }), ['a@0 1']],
  ['sessions', session({ gap: '5 s', grace: 0 }), ['a@3000 1']],
])('%s windows', async (_, windows, expected) => {
  const { driver, feed, pass, closed } = await started('count', 'perKey', windows)
  await feed('a', 3000)
  await pass(30_000)
  expect(await closed()).toEqual(expected)
  await driver.close()
})

test('what waits in the log is not silence', async () => {
  const builder = new TopologyBuilder()
  builder
    .stream('in', { key: string, value: json<{ beats: number }>() })
    .groupByKey()
    .window('windows', small, { clock: 'perKey', idle })
    .count({ emit: 'close' })
    .toStream()
    .map((count, { key, start }) => [`${key}@${start}`, count ?? -1], { key: string, value: long })
    .to('out')
  const graph = builder.build()
  const driver = await TopologyTestDriver.start(graph)
  for (let i = 0; i < 50; i++) await driver.pipe('in', { key: 'b', value: { beats: 1 }, timestamp: 1000 })
  await driver.pipe('in', { key: 'a', value: { beats: 1 }, timestamp: 1000 })
  const { node, timers } = driver
  const producer = await driver.log.producer({ clientId: 'backlog' })
  await producer.init()
  const value = Buffer.from('{"beats":1}')
  const record = (key: string) => ({
    topic: 'in',
    partition: 0,
    key: Buffer.from(key),
    value,
    timestamp: 2000,
  })
  await producer.send([...Array.from({ length: 100 }, () => record('b')), record('a')])
  await producer.close()
  // Slowly: the clock passes all bounds while `a`'s second record waits behind those of `b`.
  for (let i = 0; i < 101; i++) {
    await node.step(1)
    await new Promise(resolve => setImmediate(resolve))
    timers.advance(1000)
  }
  await driver.advanceWallClock(500)
  await driver.commit()
  const closed = await driver.read('out', { key: string, value: long })
  expect(closed.filter(({ key }) => key === 'a@0').map(({ value: count }) => count)).toEqual([])
  await driver.close()
})

test('what closed when is recorded', async () => {
  const { driver, feed, pass } = await started('collect', 'perKey')
  await feed('a', 1000)
  await pass(16_000)
  const text = {
    name: 'text',
    serialize: (s: string) => Buffer.from(s),
    deserialize: (b: Buffer) => b.toString(),
  }
  const moves = await driver.read('test-windows-idle-changelog', { key: text, value: text })
  expect(moves.map(({ value }) => JSON.parse(value!))).toMatchObject([
    { number: 0, clock: Buffer.from('a').toString('base64'), from: [{ topic: 'in', partition: 0 }] },
  ])
  expect(JSON.parse(moves[0]!.value!).time).toBeGreaterThanOrEqual(6000)
  await driver.close()
})

test('without anything that closes there is nothing to hand on', () => {
  const stream = new TopologyBuilder().stream('in', { key: string, value: long })
  expect(() => stream.groupByKey().window('w', small, { idle }).count()).toThrowError(/emit: 'close'/)
})
