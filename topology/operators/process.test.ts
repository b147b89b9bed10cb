import { describe, expect, it } from 'vitest'
import { json, long, string, TopologyBuilder, tumbling } from '../index.ts'
import { TopologyTestDriver } from '../testing/test-driver.ts'

const numbers = { key: string, value: long }

describe("a table's contents", () => {
  const limits = (builder: TopologyBuilder) => builder.table('limits', numbers)

  /** Hands on values with what a table holds for their key, and how many rows it has. */
  function reading(
    contentsOf: (builder: TopologyBuilder) => ReturnType<ReturnType<typeof limits>['contents']>,
  ) {
    const builder = new TopologyBuilder()
    const rows = contentsOf(builder)
    builder
      .stream('in', numbers)
      .processValues('compare', {
        value: json<readonly unknown[]>(),
        stores: { rows },
        processor:
          ({ forward, stores }) =>
          ({ key, value }) =>
            forward({ value: [value, stores.rows.get(key ?? '')?.value ?? null, stores.rows.size] }),
      })
      .to('out', { key: string })
    return builder.build()
  }

  it.each([
    ['read from a topic', limits, 1_000_000],
    [
      'filtered into a store',
      (builder: TopologyBuilder) => limits(builder).filter(limit => limit > 0, { store: 's' }),
      // What a cache of the table before it holds back is not yet in the filtered one.
      0,
    ],
    [
      'aggregated',
      (builder: TopologyBuilder) =>
        builder
          .stream('limits', numbers)
          .groupByKey()
          .reduce('last', (_, limit) => limit),
      1_000_000,
    ],
  ] as const)('are read by a processor, %s, also after a restart', async (_, table, cacheBytes) => {
    const graph = reading(builder => table(builder).contents())
    for (const options of [{ commitEvery: 1 }, { commitEvery: 4 }, { commitEvery: 4, cacheBytes }]) {
      const driver = await TopologyTestDriver.start(graph, { ...options, seed: 1, partitions: 3 })
      await driver.pipe('limits', { key: 'a', value: 100, timestamp: 0 })
      await driver.pipe('in', { key: 'a', value: 1, timestamp: 1 })
      await driver.restart()
      await driver.pipe('in', { key: 'a', value: 2, timestamp: 2 })
      await driver.pipe('limits', { key: 'a', value: 200, timestamp: 3 })
      await driver.pipe('in', { key: 'a', value: 3, timestamp: 4 })
      await driver.commit()
      const out = await driver.read('out', { key: string, value: json<readonly unknown[]>() })
      expect(out.map(({ value }) => value)).toEqual([
        [1, 100, 1],
        [2, 100, 1],
        [3, 200, 1],
      ])
      await driver.close()
    }
  })

  it.each([
    [
      'not stored',
      (builder: TopologyBuilder) =>
        limits(builder)
          .mapValues(limit => limit)
          .contents(),
    ],
    [
      'of versions',
      (builder: TopologyBuilder) => builder.table('limits', { ...numbers, historyRetention: 10 }).contents(),
    ],
  ] as const)('are refused if they are %s', (_, contentsOf) => {
    expect(() => reading(contentsOf)).toThrow(
      expect.objectContaining({
        code: 'TOPOLOGY_STORE_UNREADABLE',
        message: expect.stringContaining('compare: it cannot read the table rows'),
      }),
    )
  })

  it('are refused if they are of windows', () => {
    const builder = new TopologyBuilder()
    const counts = builder
      .stream('in', numbers)
      .groupByKey()
      .window('counts', tumbling({ size: 10, grace: 0 }))
      .count()
    builder.stream('asked', numbers).process('ask', {
      stores: { counts: counts.contents() },
      processor: () => () => {},
    })
    expect(() => builder.build()).toThrow(expect.objectContaining({ code: 'TOPOLOGY_STORE_UNREADABLE' }))
  })
})

describe('a processor', () => {
  it('is told where a record came from, and the times', async () => {
    const builder = new TopologyBuilder()
    builder
      .stream('in', numbers)
      .process('describe', {
        key: string,
        value: json<readonly unknown[]>(),
        processor: context => record =>
          context.forward({
            key: record.key ?? '',
            value: [context.position, context.currentStreamTime, context.currentWallClock],
          }),
      })
      .to('out')
    const driver = await TopologyTestDriver.start(builder.build(), { now: 9 })
    await driver.pipe('in', { key: 'a', value: 1, timestamp: 50 })
    await driver.pipe('in', { key: 'a', value: 1, timestamp: 20 })
    const out = await driver.read('out', { key: string, value: json<readonly unknown[]>() })
    expect(out.map(record => record.value)).toEqual([
      [{ topic: 'in', partition: 0, offset: 0 }, 50, 9],
      [{ topic: 'in', partition: 0, offset: 1 }, 50, 9],
    ])
    await driver.close()
  })

  it('forwards to a named child alone, and headers and times that siblings do not see', async () => {
    const builder = new TopologyBuilder()
    const source = builder.stream('in', numbers)
    const routed = source.process('route', {
      ...numbers,
      processor:
        ({ forward }) =>
        ({ key, value, timestamp }) => {
          const record = { key: key ?? '', value: value ?? 0, timestamp: timestamp + 1 }
          forward(
            { ...record, headers: [['h', Buffer.from('1')]] },
            { to: record.value % 2 ? 'odd' : 'even' },
          )
        },
    })
    routed.named('odd').to('odds')
    routed.named('even').to('evens')
    source.to('all')
    const driver = await TopologyTestDriver.start(builder.build())
    await driver.pipe('in', { key: 'a', value: 1, timestamp: 5 })
    await driver.pipe('in', { key: 'b', value: 2, timestamp: 6 })
    const header = [['h', Buffer.from('1')]]
    expect(await driver.read('odds', numbers)).toEqual([
      { key: 'a', value: 1, timestamp: 6, headers: header },
    ])
    expect(await driver.read('evens', numbers)).toEqual([
      { key: 'b', value: 2, timestamp: 7, headers: header },
    ])
    expect((await driver.read('all', numbers)).map(record => [record.timestamp, record.headers])).toEqual([
      [5, []],
      [6, []],
    ])
    await driver.close()
  })

  it.each([
    ['FORWARD_TIMESTAMP_INVALID', { timestamp: -1 }, undefined],
    ['FORWARD_UNKNOWN_CHILD', {}, 'nobody'],
  ] as const)('ends the run with %s', async (code, change, to) => {
    const builder = new TopologyBuilder()
    builder
      .stream('in', numbers)
      .process('p', {
        ...numbers,
        processor:
          ({ forward }) =>
          () =>
            forward({ key: 'k', value: 1, ...change }, { to }),
      })
      .to('out')
    const driver = await TopologyTestDriver.start(builder.build())
    const failed = await driver.pipe('in', { key: 'a', value: 1, timestamp: 5 }).catch(error => error.cause)
    expect(failed).toMatchObject({ code })
    await driver.close()
  })

  it('cannot forward when it has no record, nor a value processor in a punctuation', async () => {
    const failures: unknown[] = []
    const attempt = (action: () => void): void => {
      try {
        action()
      } catch (error) {
        failures.push(error)
      }
    }
    const builder = new TopologyBuilder()
    builder
      .stream('in', numbers)
      .processValues('p', {
        value: long,
        processor: ({ forward, schedule }) => {
          attempt(() => forward({ value: 1 }))
          schedule(1, 'streamTime', () => attempt(() => forward({ value: 1 })))
          return () => {}
        },
      })
      .to('out')
    const driver = await TopologyTestDriver.start(builder.build())
    await driver.pipe('in', { key: 'a', value: 1, timestamp: 5 })
    expect(failures).toMatchObject([{ code: 'FORWARD_MISPLACED' }, { code: 'FORWARD_MISPLACED' }])
    await driver.close()
  })
})
