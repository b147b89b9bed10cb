import { describe, expect, test } from 'vitest'
import { TopologyBuilder } from '../builder.ts'
import type { Graph } from '../graph.ts'
import { long, string } from '../serde.ts'
import { TopologyTestDriver } from '../testing/test-driver.ts'
import { session, sliding, tumbling } from '../windows.ts'

const onRequest = { commitEvery: Number.POSITIVE_INFINITY }
const roomy = { ...onRequest, cacheBytes: 1_000_000 }

function counts(): Graph {
  const builder = new TopologyBuilder()
  const source = { key: string, value: string }
  builder.stream('in', source).groupByKey().count('counts').toStream().to('out', { key: string, value: long })
  return builder.build()
}

async function rowsOf(driver: TopologyTestDriver, topic = 'out'): Promise<unknown[]> {
  const records = await driver.read(topic, { key: string, value: long })
  return records.map(({ key, value, timestamp }) => [key, value, timestamp])
}

async function feed(
  driver: TopologyTestDriver,
  records: readonly (readonly [key: string, value: unknown, timestamp: number])[],
  topic = 'in',
): Promise<void> {
  for (const [key, value, timestamp] of records) await driver.pipe(topic, { key, value, timestamp })
}

describe('a record cache', () => {
  test('hands on the last update of each key at a commit, in the order of their first change', async () => {
    const driver = await TopologyTestDriver.start(counts(), roomy)
    await feed(driver, [
      ['b', 'x', 1],
      ['a', 'x', 2],
      ['b', 'x', 3],
    ])
    expect(await rowsOf(driver)).toEqual([])
    await driver.commit()
    expect(await rowsOf(driver)).toEqual([
      ['b', 2, 3],
      ['a', 1, 2],
    ])
    await driver.close()
  })

  test('that has outgrown its share hands on what it has held longest', async () => {
    const driver = await TopologyTestDriver.start(counts(), { ...onRequest, cacheBytes: 300 })
    await feed(driver, [
      ['a', 'x', 1],
      ['b', 'x', 2],
      ['a', 'x', 3],
      ['c', 'x', 4],
    ])
    await driver.commit()
    expect(await rowsOf(driver)).toEqual([
      ['a', 2, 3],
      ['b', 1, 2],
      ['c', 1, 4],
    ])
    await driver.close()
  })

  test('says nothing of a row that came and went', async () => {
    const builder = new TopologyBuilder()
    builder
      .table('in', { key: string, value: long, store: 'rows' })
      .toStream()
      .to('out', { key: string, value: long })
    const driver = await TopologyTestDriver.start(builder.build(), roomy)
    await feed(driver, [['a', 1, 1]])
    await driver.commit()
    await feed(driver, [
      ['b', 2, 2],
      ['b', null, 3],
      ['a', null, 4],
    ])
    await driver.commit()
    expect(await rowsOf(driver)).toEqual([
      ['a', 1, 1],
      ['a', null, 4],
    ])
    await driver.close()
  })

  test('is empty after a restart, which begins with a commit', async () => {
    const driver = await TopologyTestDriver.start(counts(), roomy)
    await feed(driver, [['a', 'x', 1]])
    await driver.restart()
    await feed(driver, [['a', 'x', 2]])
    await driver.commit()
    expect(await rowsOf(driver)).toEqual([
      ['a', 1, 1],
      ['a', 2, 2],
    ])
    await driver.close()
  })

  test.each([
    ['tumbling', tumbling({ size: '10 ms', grace: 0 }), [['a@0', 2, 3]]],
    [
      'sliding',
      sliding({ difference: '10 ms', grace: 0 }),
      [
        ['a@0', 2, 3],
        ['a@2', 1, 3],
      ],
    ],
    ['sessions', session({ gap: '5 ms', grace: 0 }), [['a@1', 2, 3]]],
  ])('holds back updates of windows: %s', async (_, windows, expected) => {
    const builder = new TopologyBuilder()
    builder
      .stream('in', { key: string, value: string })
      .groupByKey()
      .window('windows', windows)
      .count()
      .toStream()
      .map((count, { key, start }) => [`${key}@${start}`, count])
      .to('out', { key: string, value: long })
    const driver = await TopologyTestDriver.start(builder.build(), roomy)
    await feed(driver, [
      ['a', 'x', 1],
      ['a', 'x', 3],
    ])
    await driver.commit()
    expect(await rowsOf(driver)).toEqual(expected)
    await driver.close()
  })
})
