import { expect, it, describe as suite } from 'vitest'
import { memoryBackend } from '../state/index.ts'
import { type Log, memoryLog, plan, StreamsNode, string, TopologyBuilder, tumbling } from './index.ts'
import { internalTopics } from './internal-topics.ts'
import { TopologyTestDriver } from './testing/test-driver.ts'

const text = { key: string, value: string }
const HOUR = 3_600_000

/** A repartition topic, and stores that keep for ever, by one clock, and by a clock for each key. */
function topology() {
  const builder = new TopologyBuilder()
  const stream = builder.stream('in', text)
  stream
    .groupBy(value => value!, text)
    .count('counts')
    .toStream()
    .to('out')
  const minutes = stream.groupByKey().window('minutes', tumbling({ size: '1 m', grace: '1 m' }))
  minutes.count({ retention: '1 h' })
  stream
    .groupByKey()
    .window('own', tumbling({ size: '1 m', grace: '1 m' }), { clock: 'perKey' })
    .count()
  return builder.build()
}

const nodeOf = (log: Log) =>
  new StreamsNode({ topology: topology(), applicationId: 'app', log, state: memoryBackend() })

async function newLog(): Promise<Log> {
  const log = memoryLog()
  await log.admin.createTopics(['in', 'out'].map(topic => ({ topic, partitions: 3 })))
  return log
}

suite('internal topics', () => {
  it('have the partitions and the cleanup that their contents need', async () => {
    const partitions = new Map([
      ['in', 3],
      ['app-counts-repartition', 4],
    ])
    const topics = internalTopics(plan(topology(), 'app'), {
      partitions,
      largestBatch: 1000,
      replicationFactor: 2,
    })
    const brief = topics.map(({ topic, partitions: count, config, replicationFactor }) => {
      expect(replicationFactor).toBe(2)
      return [topic, count, config['cleanup.policy'], config['retention.ms']]
    })
    const day = 24 * HOUR
    expect(brief).toEqual([
      ['app-minutes-changelog', 3, 'compact,delete', String(HOUR + day)],
      ['app-own-changelog', 3, 'compact', undefined],
      ['app-counts-changelog', 4, 'compact', undefined],
      ['app-counts-repartition', 4, 'delete', '-1'],
      ['app-dead-letters', 1, 'delete', '-1'],
    ])
  })

  it.each([
    ['app-counts-changelog', {}, 'cleanup.policy is delete instead of compact'],
    [
      'app-own-changelog',
      { 'cleanup.policy': 'compact,delete' },
      'cleanup.policy is compact,delete instead of compact',
    ],
    [
      'app-minutes-changelog',
      { 'cleanup.policy': 'compact,delete', 'retention.ms': '3600000' },
      'retention.ms is 3600000 instead of 90000000',
    ],
    ['app-counts-repartition', {}, 'retention.ms is 604800000 instead of -1'],
    [
      'app-counts-repartition',
      { 'retention.ms': '-1', 'retention.bytes': '1000' },
      'retention.bytes is 1000 instead of -1',
    ],
    [
      'app-counts-repartition',
      { 'cleanup.policy': 'compact' },
      'cleanup.policy is compact instead of delete',
    ],
  ])('that exist and would lose records are refused: %s with %o', async (topic, config, message) => {
    const log = await newLog()
    await log.admin.createTopics([{ topic, partitions: 3, config }])
    await expect(nodeOf(log).start()).rejects.toMatchObject({
      code: 'TOPIC_WRONG_CLEANUP',
      message: `${topic} would lose records: ${message}`,
    })
    await log.close()
  })

  it('that keep more than they must are taken as they are', async () => {
    const log = await newLog()
    await log.admin.createTopics([
      { topic: 'app-minutes-changelog', partitions: 3, config: { 'cleanup.policy': 'compact' } },
    ])
    const node = nodeOf(log)
    await node.start()
    await node.close()
    await log.close()
  })

  it('with another number of partitions are refused', async () => {
    const log = await newLog()
    await log.admin.createTopics([{ topic: 'app-counts-changelog', partitions: 2 }])
    await expect(nodeOf(log).start()).rejects.toMatchObject({ code: 'TOPIC_WRONG_PARTITIONS' })
    await log.close()
  })
})

suite('a repartition topic', () => {
  it('holds no more for long than what is not processed yet', async () => {
    const driver = await TopologyTestDriver.start(topology(), { applicationId: 'app' })
    for (let i = 0; i < 10; i++) await driver.pipe('in', { key: 'k', value: `v${i}`, timestamp: i })
    await driver.commit()
    const topic = (await driver.log.admin.listTopics()).find(name => name.endsWith('-repartition'))!
    const boundsOf = async () => (await driver.log.admin.offsets(topic))[0]
    const before = await boundsOf()
    expect(before?.start).toBe(0)
    await driver.advanceWallClock(29_000)
    expect(await boundsOf()).toEqual(before)
    await driver.advanceWallClock(1_000)
    // All but the marker of the last transaction, perhaps.
    await expect.poll(async () => (await boundsOf())!.start).toBeGreaterThanOrEqual(before!.end - 1)
    await driver.pipe('in', { key: 'k', value: 'v0', timestamp: 10 })
    await driver.commit()
    const out = await driver.read('out', { key: string, value: string })
    expect(out).toHaveLength(11)
    await driver.close()
  })
})
