/** A node that counts records by key, in all and by minute: two stores in each task. For tests of what becomes of state. */
import { expect } from 'vitest'
import { KeyValueStore, type StateBackend, WindowStore } from '../../state/index.ts'
import type { RestoreEvent } from '../changelog-reader.ts'
import {
  type Graph,
  type Log,
  memoryLog,
  type NodeOptions,
  partitionOf,
  StreamsNode,
  string,
  TopologyBuilder,
  tumbling,
} from '../index.ts'

export interface Input {
  readonly key: string
  readonly timestamp: number
}

/** Keeps windows for ten minutes. */
export function counting(): Graph {
  const builder = new TopologyBuilder()
  const grouped = builder.stream('in', { key: string, value: string }).groupByKey()
  grouped.count('counts').toStream().to('out')
  grouped.window('minutes', tumbling({ size: '1 m', grace: '1 m' })).count({ retention: '10 m' })
  return builder.build()
}

export async function countingLog(partitions = 1): Promise<Log> {
  const log = memoryLog()
  await log.admin.createTopics(['in', 'out'].map(topic => ({ topic, partitions })))
  return log
}

/** As many records of 50 keys, one a second. */
export function inputs(count: number, from = 0): Input[] {
  return Array.from({ length: count }, (_, i) => ({
    key: `k${(from + i) % 50}`,
    timestamp: (from + i) * 1000,
  }))
}

export async function write(log: Log, values: readonly Input[], partitions = 1): Promise<void> {
  const producer = await log.producer({ clientId: 'writer' })
  await producer.init()
  const value = Buffer.from('x')
  await producer.send(
    values.map(({ key, timestamp }) => {
      const bytes = Buffer.from(key)
      return { topic: 'in', partition: partitionOf(bytes, partitions), key: bytes, value, timestamp }
    }),
  )
  await producer.close()
}

/** Whether every record has been processed and committed. */
export async function isDone(node: StreamsNode): Promise<boolean> {
  return (await node.lag()).every(({ end, position }) => position === end)
}

/** Whether the node's standbys hold all that is committed. */
export async function standbysCaughtUp(node: StreamsNode, log: Log): Promise<boolean> {
  for (const { lag, positions } of node.status().standbys) {
    if (lag !== 0) return false
    for (const { topic, partition, position } of positions) {
      const bounds = (await log.admin.offsets(topic)).find(each => each.partition === partition)
      if (position !== bounds?.end) return false
    }
  }
  return true
}

/** What the node's tasks have counted, by key. */
export function countsOf(node: StreamsNode): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { store } of node.stores('counts')) {
    if (!(store instanceof KeyValueStore)) continue
    for (const { key, value } of store.entries()) counts[String(key)] = Number(value)
  }
  return counts
}

export interface RunOptions extends Partial<NodeOptions> {
  readonly log: Log
  readonly state: StateBackend
  readonly values?: readonly Input[]
}

/** Starts a node, lets it process the records, and stops it. Answers with what it told and held. */
export async function run({ log, state, values = [], ...options }: RunOptions) {
  const events: RestoreEvent[] = []
  const notices: string[] = []
  const node = new StreamsNode({
    topology: counting(),
    applicationId: 'app',
    log,
    state,
    onRestore: event => events.push(event),
    onNotice: text => notices.push(text),
    ...options,
  })
  const before = performance.now()
  await node.start()
  const running = node.run()
  await expect.poll(() => node.status().tasks.length, { timeout: 60_000, interval: 5 }).toBe(1)
  const startup = performance.now() - before
  await write(log, values)
  await expect.poll(() => isDone(node), { timeout: 60_000 }).toBe(true)
  const counts = countsOf(node)
  const windows = node
    .stores('minutes')
    .flatMap(({ store }) => (store instanceof WindowStore ? [...store.all()] : []))
  await node.close()
  await running
  const restored = events.filter(event => event.type === 'end')
  return {
    events,
    notices,
    counts,
    windows,
    startup,
    read: restored.reduce((sum, end) => sum + end.records, 0),
  }
}

/** What must have been counted. */
export function expectedCounts(values: readonly Input[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { key } of values) counts[key] = (counts[key] ?? 0) + 1
  return counts
}
