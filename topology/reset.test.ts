import { expect, it, describe as suite } from 'vitest'
import { memoryBackend } from '../state/index.ts'
import {
  deadLetterTopic,
  type Log,
  long,
  memoryLog,
  planReset,
  type ResetOptions,
  reset,
  StreamsNode,
  string,
  TopologyBuilder,
} from './index.ts'

function counting() {
  const builder = new TopologyBuilder()
  builder
    .stream('in', { key: string, value: string })
    .groupBy(value => value, { key: string })
    .count('counts')
    .toStream()
    .to('out', { value: long })
  return builder.build()
}

async function run(log: Log, until: (node: StreamsNode) => Promise<boolean>): Promise<StreamsNode> {
  const node = new StreamsNode({
    topology: counting(),
    applicationId: 'app',
    clientId: 'node-a',
    log,
    state: memoryBackend(),
  })
  await node.start()
  node.run().catch(() => {})
  await expect.poll(() => until(node), { timeout: 10_000 }).toBe(true)
  return node
}

const done = async (node: StreamsNode): Promise<boolean> =>
  (await node.lag()).every(({ end, position }) => position === end)

async function filled(): Promise<Log> {
  const log = memoryLog()
  const topics = ['in', 'out', 'app-notes', 'application-x-changelog']
  await log.admin.createTopics(topics.map(topic => ({ topic, partitions: 1 })))
  const producer = await log.producer({ clientId: 'test' })
  await producer.init()
  for (const timestamp of [10, 20, 30]) {
    await producer.send([
      { topic: 'in', partition: 0, key: Buffer.from('k'), value: Buffer.from('v'), timestamp },
    ])
  }
  await producer.close()
  return log
}

const planned = (log: Log, more: Partial<ResetOptions> = {}) =>
  planReset({ log, applicationId: 'app', to: 'earliest', ...more })

suite('a reset', () => {
  it('is refused while a node runs, and says which', async () => {
    const log = await filled()
    const node = await run(log, done)
    const active = { code: 'GROUP_ACTIVE', message: /^group app has 1 member: node-a/ }
    await expect(planned(log)).rejects.toMatchObject(active)
    await expect(reset(log, 'app', { positions: [], internalTopics: [] })).rejects.toMatchObject(active)
    await node.close()
    await planned(log)
  })

  it('leaves those of another application alone whose id begins with its own', async () => {
    const log = await filled()
    await (await run(log, done)).close()
    const topics = [
      'app-x-counts-changelog',
      'app-x-dead-letters',
      'app-y-z-repartition',
      'app-v-w-changelog',
    ]
    await log.admin.createTopics(topics.map(topic => ({ topic, partitions: 1 })))
    await log.admin.setPositions('app-y', [{ topic: 'in', partition: 0, position: 1 }])
    const { internalTopics } = await planned(log)
    expect(internalTopics.map(each => each.topic).sort()).toEqual([
      'app-counts-changelog',
      'app-counts-repartition',
      'app-v-w-changelog',
    ])
    for (const [topic, owner] of [
      ['app-x-counts-changelog', 'app-x'],
      ['app-y-z-repartition', 'app-y'],
    ] as const) {
      await expect(planned(log, { internalTopics: [topic] })).rejects.toMatchObject({
        code: 'RESET_REFUSED',
        message: `${topic} is named as one of the application ${owner}`,
      })
    }
    const other = await planReset({ log, applicationId: 'app-x', to: 'earliest' })
    expect(other.internalTopics.map(each => each.topic)).toEqual(['app-x-counts-changelog'])
  })

  it('makes the application do all of it again, from nothing', async () => {
    const log = await filled()
    await (await run(log, done)).close()
    const plan = await planned(log)
    expect(plan).toEqual({
      positions: [{ topic: 'in', partition: 0, before: 3, position: 0 }],
      internalTopics: [
        { topic: 'app-counts-changelog', partitions: 1 },
        { topic: 'app-counts-repartition', partitions: 1 },
      ],
    })
    const before = await log.admin.listTopics()
    expect(await log.admin.committed('app', ['in'])).toMatchObject([{ position: 3 }])
    await reset(log, 'app', plan)
    const gone = before.filter(topic => !['app-counts-changelog', 'app-counts-repartition'].includes(topic))
    expect(await log.admin.listTopics()).toEqual(gone)
    expect(gone).toContain(deadLetterTopic('app'))
    await (await run(log, done)).close()
    const [{ end } = { end: 0 }] = await log.admin.offsets('out')
    // Three counts of each run: the second one did not go on from 3.
    expect(end).toBeGreaterThanOrEqual(6)
    expect((await planned(log)).positions).toMatchObject([{ before: 3 }])
  })

  it('goes to the end, or to a time', async () => {
    const log = await filled()
    const inputTopics = ['in']
    expect((await planned(log, { inputTopics, to: 'latest' })).positions).toMatchObject([{ position: 3 }])
    expect((await planned(log, { inputTopics, to: { time: 20 } })).positions).toEqual([
      { topic: 'in', partition: 0, before: undefined, position: 1 },
    ])
    expect((await planned(log, { inputTopics, to: { time: 31 } })).positions).toMatchObject([{ position: 3 }])
    await expect(planned(log, { inputTopics: ['other'] })).rejects.toMatchObject({
      code: 'LOG_UNKNOWN_TOPIC',
    })
  })

  it('deletes nothing that is not the application’s own', async () => {
    const log = await filled()
    await (await run(log, done)).close()
    await expect(planned(log, { internalTopics: ['in'] })).rejects.toMatchObject({ code: 'RESET_REFUSED' })
    const some = await planned(log, { internalTopics: ['app-counts-changelog'] })
    expect(some.internalTopics).toEqual([{ topic: 'app-counts-changelog', partitions: 1 }])
  })
})
