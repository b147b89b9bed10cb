import { expect, describe as group, test } from 'vitest'
import { type BuildOptions, describe, type KStream, long, string, TopologyBuilder } from './index.ts'
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
