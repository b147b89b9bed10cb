import { expect, test } from 'vitest'
import { memoryBackend } from '../state/index.ts'
import { distribution, memoryLog, observe, StreamsNode, string, TopologyBuilder, tumbling } from './index.ts'
import { ManualTimers } from './testing/manual-timers.ts'

test('values are counted by bound, each bound among its own', () => {
  const values = distribution([1, 10])
  for (const value of [0, 1, 1.5, 10, 11]) observe(values, value)
  expect(values).toEqual({ bounds: [1, 10], counts: [2, 2, 1], sum: 23.5 })
})

const PARTITIONS = 2

async function counting() {
  const builder = new TopologyBuilder()
  builder
    .stream('in', { key: string, value: string })
    .groupByKey()
    .window('minutes', tumbling({ size: '1 m', grace: '0 s' }))
    .count()
    .toStream()
    .peek(() => {})
  const log = memoryLog()
  await log.admin.createTopics([{ topic: 'in', partitions: PARTITIONS }])
  const writer = await log.producer({ clientId: 'writer' })
  await writer.init()
  const write = (partition: number, ...timestamps: number[]): Promise<unknown> =>
    writer.send(
      timestamps.map(timestamp => ({
        ...{ topic: 'in', partition, timestamp },
        key: Buffer.from('k'),
        value: Buffer.from('v'),
      })),
    )
  return { topology: builder.build(), log, write }
}

test('a node tells what its thread and each of its tasks have done', async () => {
  const { topology, log, write } = await counting()
  const timers = new ManualTimers()
  const begin = timers.now()
  await write(0, begin + 1_000, begin + 2_000)
  const state = memoryBackend()
  const common = { topology, applicationId: 'app', log, state, timers, commitInterval: 100 }
  const node = new StreamsNode({ ...common, clientId: 'node' })
  await node.start()
  const until = async (done: () => boolean): Promise<void> => {
    for (let steps = 0; !done(); steps++) {
      if (steps > 1000) throw new Error(`it does not come to that: ${JSON.stringify(node.status())}`)
      await node.step()
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  await until(() => node.status().processed === 2)
  // Its records are 5 s old when they are committed.
  timers.advance(7_000)
  await until(() => node.status().threads[0]?.commits === 1)
  await until(() => node.status().threads[0]?.assignmentLatency.counts.some(count => count > 0) === true)

  const { tasks, threads } = node.status()
  expect(tasks.map(({ name, thread, processed }) => [name, thread, processed])).toEqual([
    ['0_0', 'node', 2],
    ['0_1', 'node', 0],
  ])
  const [{ store, count } = { store: '', count: 0 }] = tasks[0]?.changes ?? []
  expect([store, count > 0]).toEqual(['minutes', true])
  expect(tasks[1]?.changes).toEqual([{ store, count: 0 }])
  const [thread] = threads
  expect(thread).toMatchObject({ name: 'node', rebalances: 1, tasksCreated: PARTITIONS, failedCommits: 0 })
  const { recordLatency, commitLatency, restores } = thread!
  expect(recordLatency.sum).toBe(5)
  expect(commitLatency.counts.reduce((sum, count) => sum + count, 0)).toBe(1)
  expect(restores).toBe(PARTITIONS)
  await node.close()

  // Another node, with nothing on its disk.
  const second = new StreamsNode({ ...common, clientId: 'second', state: memoryBackend() })
  await second.start()
  while (second.status().tasks.length < PARTITIONS) {
    await second.step()
    await new Promise(resolve => setImmediate(resolve))
  }
  expect(second.status().threads[0]).toMatchObject({ restores: PARTITIONS, restoredRecords: count })
  await second.close()
})
