/** That each benchmark that needs Kafka runs, and finds its results right; what the figures are depends on the machine. */
import { describe, expect, test } from 'vitest'
import { python } from '../test/requirements.ts'
import { brokerUnavailable } from '../topology/log/kafka/broker/distribution.ts'
import { figures, printed } from './bench-process.ts'

const reason = brokerUnavailable()

describe.skipIf(reason !== undefined)(`on Kafka ${reason ?? ''}`, () => {
  test.each([
    ['consume --records 20000 --rounds 1', ['walked: key, value, time', 'kafkajs, eachBatch']],
    [
      'produce --records 10000 --rounds 1',
      ['the producer', 'the producer, in transactions', 'kafkajs, plain'],
    ],
    ['restore --keys 3000 --rounds 1', ['first to last record, here', 'until all tasks run, here']],
    ['growth --devices 1000 --partitions 4 --records 20000', ['1,000 devices', '4 partitions, on Kafka']],
    ['recovery --rounds 1', ['kill -9 and restart, until all commit', 'kill -9 alone, until all commit']],
  ])('%s', async (words, names) => {
    const found = await figures(words.split(' '))
    for (const name of names) {
      const figure = found.find(({ what }) => what === name)
      expect(figure?.value, name).toBeGreaterThan(0)
      expect(figure?.ratio, name).toBeGreaterThan(0)
    }
  })

  test('latency --rate 2500 --seconds 9 --warmup 1', async () => {
    const found = await figures('latency --rate 2500 --seconds 9 --warmup 1'.split(' '))
    for (const rate of ['50/s', '500/s', '2,500/s']) {
      const of = found.filter(({ what }) => what.startsWith(`${rate}, p`))
      expect(of.map(({ what }) => what.split(' ')[1])).toEqual(['p50', 'p99', 'p99.9', 'p99'])
      expect(of[0]!.value).toBeLessThanOrEqual(of[2]!.value)
    }
  })
})

describe.skipIf(reason !== undefined)(`on Kafka, for long ${reason ?? ''}`, () => {
  test('soak --minutes 1 --every 20 --step 2', async () => {
    const found = await printed('soak --minutes 1 --every 20 --step 2'.split(' '))
    expect(found).toMatchObject({
      restarts: [
        { node: 'a', how: 'SIGTERM' },
        { node: 'b', how: 'SIGTERM' },
      ],
      lag: { end: 0 },
      output: { missing: 0, doubled: 0, wrong: 0 },
      // Memory cannot be told after a minute.
      verdicts: { lagReturnsToZero: true, memoryFlat: null, handlesFlat: null, outputRight: true },
    })
  })
})

const missing = reason ?? python()

describe.skipIf(missing !== undefined)(`beside Kafka Streams ${missing ?? ''}`, () => {
  test('watch --records 120000: every output of both sides is right', async () => {
    const words = '--runs 1 --records 120000 --threads 1 --guarantees exactly_once'
    const { ratios, runs } = result(await printed(['watch', ...words.split(' ')]))
    expect(Object.keys(ratios)).toEqual(['exactly_once-1'])
    for (const figure of ['throughput', 'cpu', 'rss', 'secondHalfThroughput', 'secondHalfCpu'])
      expect(ratios['exactly_once-1'], figure).toHaveProperty(figure, expect.any(Number))
    expect(runs.map(({ side }) => side).sort()).toEqual(['ours', 'peer'])
    for (const { check } of runs) expect(check).toMatchObject({ windows: 800, missing: 0, unexpected: 0 })
  })
})

interface Result {
  readonly ratios: Readonly<Record<string, object>>
  readonly runs: readonly { readonly side: string; readonly check: object }[]
}

function result(object: unknown): Result {
  if (typeof object !== 'object' || object === null || !('ratios' in object) || !('runs' in object))
    throw new Error('no ratios and runs are printed')
  return object as Result
}
