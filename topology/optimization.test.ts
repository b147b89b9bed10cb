import { expect, describe as group, test } from 'vitest'
import { KeyValueStore, memoryBackend } from '../state/index.ts'
import {
  type BuildOptions,
  describe,
  type KStream,
  type Log,
  long,
  memoryLog,
  type Serde,
  string,
  TopologyBuilder,
} from './index.ts'
import { plan } from './plan.ts'
import { TopologyTestDriver } from './testing/test-driver.ts'

const serdes = { key: string, value: long }

/** Builds what is made of the stream `in` once it has another key: the tens of its value. */
function rekeyed(make: (stream: KStream<string, number>) => void, options?: BuildOptions) {
  const builder = new TopologyBuilder()
  const tens = builder
    .stream('in', serdes)
    .filter((value): value is number => value !== null)
    .selectKey(value => `${Math.floor(value / 10)}0`, { key: string })
  make(tens)
  return builder.build(options)
}

function repartitionTopics(graph: ReturnType<typeof rekeyed>): string[] {
  return graph.nodes.flatMap(node => (node.kind === 'repartition' ? [node.name] : []))
}

function countAndSum(stream: KStream<string, number>): void {
  stream.groupByKey().count('counts').toStream().to('counts', serdes)
  stream
    .filter(value => value % 2 === 0)
    .groupByKey()
    .reduce('sums', (a, b) => a + b)
    .toStream()
    .to('sums', serdes)
}

group('optimize: all', () => {
  test('repartitions once what got its key once', async () => {
    const graph = rekeyed(countAndSum, { optimize: 'all' })
    expect(repartitionTopics(graph)).toEqual(['counts-repartition'])
    expect(describe(graph)).toMatchInlineSnapshot(`
      "Topologies:
         Sub-topology: 0
          Source: source-in (topics: [in])
            --> filter-1
          Processor: filter-1 (filter, stores: [])
            --> flatMap-1
            <-- source-in
          Processor: flatMap-1 (flatMap, stores: [])
            --> counts-repartition
            <-- filter-1
          Processor: counts-repartition (repartition, stores: [])
            --> counts, filter-2
            <-- flatMap-1

         Sub-topology: 1
          Processor: counts-repartition (repartition, stores: [])
            --> counts, filter-2
            <-- flatMap-1
          Processor: counts (aggregate, stores: [counts])
            --> tableToStream-1
            <-- counts-repartition
          Processor: tableToStream-1 (tableToStream, stores: [])
            --> sink-counts
            <-- counts
          Sink: sink-counts (topic: counts)
            <-- tableToStream-1
          Processor: filter-2 (filter, stores: [])
            --> sums
            <-- counts-repartition
          Processor: sums (aggregate, stores: [sums])
            --> tableToStream-2
            <-- filter-2
          Processor: tableToStream-2 (tableToStream, stores: [])
            --> sink-sums
            <-- sums
          Sink: sink-sums (topic: sums)
            <-- tableToStream-2
      "
    `)
    const { subTopologies } = plan(graph, 'app')
    expect(subTopologies.map(part => part.sourceTopics)).toEqual([['in'], ['app-counts-repartition']])
  })

  test('puts out the same', async () => {
    const run = async (options?: BuildOptions) => {
      const driver = await TopologyTestDriver.start(rekeyed(countAndSum, options), { partitions: 2 })
      for (const [i, value] of [1, 12, 2, 14, 13, 20, 4].entries())
        await driver.pipe('in', { key: `${i % 3}`, value, timestamp: i })
      await driver.commit()
      const outputs = [await driver.read('counts', serdes), await driver.read('sums', serdes)]
      await driver.close()
      return outputs
    }
    expect(await run({ optimize: 'all' })).toEqual(await run())
  })

  test('leaves alone what was asked for, what others see, and what gets its key elsewhere', () => {
    const graph = rekeyed(
      stream => {
        stream.repartition('asked').groupByKey().count('a')
        // Records without a key would be missing from the sink behind a repartition.
        const seen = stream.filter(value => value > 0)
        seen.to('seen')
        seen.groupByKey().count('b')
        stream
          .selectKey(() => 'all', { key: string })
          .groupByKey()
          .count('c')
        stream.groupByKey().count('d')
      },
      { optimize: 'all' },
    )
    expect(repartitionTopics(graph)).toEqual([
      'asked-repartition',
      'b-repartition',
      'c-repartition',
      'd-repartition',
    ])
  })

  test('is not done unless it is asked for', () => {
    expect(repartitionTopics(rekeyed(countAndSum))).toEqual(['counts-repartition', 'sums-repartition'])
  })

  test('joins what is repartitioned once with itself', async () => {
    const graph = rekeyed(
      stream => {
        const counts = stream.groupByKey().count('counts')
        stream.join('joined', counts, (value, count) => value * 100 + count).to('out', serdes)
      },
      { optimize: 'all' },
    )
    expect(repartitionTopics(graph)).toEqual(['counts-repartition'])
    const driver = await TopologyTestDriver.start(graph)
    await driver.pipe('in', { key: 'a', value: 5, timestamp: 0 })
    await driver.pipe('in', { key: 'a', value: 6, timestamp: 1 })
    expect((await driver.read('out', serdes)).map(record => record.value)).toEqual([501, 602])
    await driver.close()
  })
})

group('a table that has its source for a changelog', () => {
  /** The sum of a table's rows in groups: what is told as old values shows in it. */
  function sums(options?: BuildOptions) {
    const builder = new TopologyBuilder()
    builder
      .table('rows', { ...serdes, store: 'rows' })
      .groupBy(value => [value % 2 === 0 ? 'even' : 'odd', value], serdes)
      .reduce('sums', { add: (a, b) => a + b, subtract: (a, b) => a - b })
      .toStream()
      .to('out', serdes)
    return builder.build(options)
  }
  const graph = sums({ optimize: 'all' })

  async function write(log: Log, ...rows: (readonly [key: string, value: string | null])[]): Promise<void> {
    const producer = await log.producer({ clientId: 'rows' })
    await producer.init()
    const tp = { topic: 'rows', partition: 0, timestamp: 1 }
    await producer.send(
      rows.map(([key, value]) => ({
        ...tp,
        key: Buffer.from(key),
        value: value === null ? null : bytes(value),
      })),
    )
    await producer.close()
  }
  const bytes = (text: string): Buffer =>
    /^\d+$/.test(text) ? long.serialize(Number(text)) : Buffer.from(text)

  test('has none of its own, and says so', async () => {
    expect(describe(graph)).toContain('Processor: table-rows (tableSource, stores: [rows], changelog: rows)')
    expect(describe(sums())).not.toContain('changelog: rows')
    const driver = await TopologyTestDriver.start(graph)
    const topics = await driver.log.admin.listTopics()
    expect(topics).not.toContain('test-rows-changelog')
    expect(topics).toContain('test-sums-changelog')
    await driver.close()
  })

  test.each([
    ['from nothing', () => memoryBackend],
    [
      'from the local state',
      () => {
        const kept = memoryBackend()
        return () => kept
      },
    ],
  ])('is restored %s up to what was committed, not to the end', async (_, make) => {
    const state = make()
    const log = memoryLog({ now: () => 0 })
    const run = async () => await TopologyTestDriver.start(graph, { log, state: state() })
    const first = await run()
    await write(log, ['a', '1'], ['b', '2'], ['c', 'no number'], ['d', '4'], ['d', null])
    await first.advanceWallClock(1)
    await first.commit()
    expect(first.stores('sums').flatMap(rowsOf)).toEqual([
      ['even', 2],
      ['odd', 1],
    ])
    await first.close()
    // Beyond the committed position: as rows they would be old values of themselves.
    await write(log, ['a', '7'], ['b', '3'])
    const second = await run()
    await second.advanceWallClock(1)
    await second.commit()
    expect(second.stores('sums').flatMap(rowsOf)).toEqual([
      ['even', 0],
      ['odd', 10],
    ])
    expect(second.stores('rows').flatMap(rowsOf)).toEqual([
      ['a', 7],
      ['b', 3],
    ])
    await second.close()
    await log.close()
  })

  test('waits for what a row needs before it can be decoded', async () => {
    let isThere = true
    const late: Serde<number> = {
      ...long,
      deserialize(buffer) {
        if (isThere) return long.deserialize(buffer)
        const ready = Promise.resolve().then(() => {
          isThere = true
        })
        throw Object.assign(new Error('the schema is not there yet'), { ready })
      },
    }
    const builder = new TopologyBuilder()
    builder.table('rows', { key: string, value: late, store: 'rows' }).toStream().to('out')
    const driver = await TopologyTestDriver.start(builder.build({ optimize: 'all' }))
    await driver.pipe('rows', { key: 'a', value: 1, timestamp: 1 })
    await driver.pipe('rows', { key: 'b', value: 2, timestamp: 1 })
    await driver.commit()
    isThere = false
    await driver.restart()
    expect(driver.stores('rows').flatMap(rowsOf)).toEqual([
      ['a', 1],
      ['b', 2],
    ])
    await driver.close()
  })

  test('is not made where records are not rows as they are', () => {
    const builder = new TopologyBuilder()
    builder.table('checked', { ...serdes, store: 'checked', validate: () => undefined })
    builder.table('timed', { ...serdes, store: 'timed', timestamp: value => value ?? 0 })
    builder.table('versions', { ...serdes, store: 'versions', historyRetention: '1 h' })
    builder
      .stream('filtered', serdes)
      .filter(() => true)
      .toTable('table', { store: 'filtered' })
    expect(describe(builder.build({ optimize: 'all' }))).not.toContain('changelog:')
  })
})

function rowsOf(store: unknown): unknown[] {
  if (!(store instanceof KeyValueStore)) throw new Error('not a table')
  return [...store.entries()].map(({ key, value }) => [key, value])
}
