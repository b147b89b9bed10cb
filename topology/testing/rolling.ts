/** An application in two versions, of which the second keeps values in another layout, and nodes that are rolled between them. */
import { expect } from 'vitest'
import { memoryBackend, type StateBackend } from '../../state/index.ts'
import {
  evolved,
  type Graph,
  json,
  type Log,
  long,
  type NodeOptions,
  RecordCursor,
  type Serde,
  StreamsNode,
  session,
  string,
  TopologyBuilder,
  upgraded,
} from '../index.ts'
import { expectedCounts, type Input, inputs, isDone, write } from './counting-node.ts'

/** What the second version keeps: also whether it has seen the key itself. */
export interface Seen {
  readonly count: number
  readonly byNewer: boolean
}

export const seen: Serde<Seen> = { ...json<Seen>(), name: 'seen' }
const laterSeen = evolved(seen, [upgraded(long, count => ({ count, byNewer: false }))])

/** Counts by key, and by session; what comes out is the same from all versions. */
function topologyOf<V>(
  value: Serde<NonNullable<V>>,
  of: (count: number) => NonNullable<V>,
  countOf: (aggregate: V) => number,
): Graph {
  const builder = new TopologyBuilder()
  const grouped = builder.stream('in', { key: string, value: string }).groupByKey()
  const initial = () => of(0) as V
  const add = (aggregate: V) => of(countOf(aggregate) + 1) as V
  const merge = (one: V, other: V) => of(countOf(one) + countOf(other)) as V
  grouped
    .aggregate<V>('counts', { initial, add, value })
    .mapValues(countOf)
    .toStream()
    .to('out', { value: long })
  grouped
    .window('sessions', session({ gap: '1 h', grace: '1 h' }))
    .aggregate<V>({ initial, add, merge, value })
  return builder.build()
}

export const version1 = () =>
  topologyOf<number>(
    long,
    count => count,
    count => count,
  )
export const version2 = (value = laterSeen) =>
  topologyOf<Seen>(
    value,
    count => ({ count, byNewer: true }),
    ({ count }) => count,
  )

/** Nodes that are stopped and started again with another version of the application, on the state they had. */
export class RollingCluster {
  readonly notices: string[] = []
  readonly #nodes = new Map<string, { node: StreamsNode; running: Promise<void> }>()
  readonly #states = new Map<string, StateBackend>()
  readonly log: Log
  readonly #newState: (name: string) => StateBackend
  readonly #options: Partial<NodeOptions>

  constructor(
    log: Log,
    newState: (name: string) => StateBackend = memoryBackend,
    options: Partial<NodeOptions> = {},
  ) {
    this.log = log
    this.#newState = newState
    this.#options = options
  }

  /** Stops the node of this name, if it runs, and starts it with this topology on the state it had. */
  async roll(name: string, topology: Graph): Promise<void> {
    await this.stop(name)
    const state = this.#states.get(name) ?? this.#newState(name)
    this.#states.set(name, state)
    const node = new StreamsNode({
      topology,
      applicationId: 'app',
      clientId: name,
      log: this.log,
      state,
      commitInterval: 5,
      standbyReplicas: 1,
      onNotice: text => this.notices.push(text),
      ...this.#options,
    })
    await node.start()
    this.#nodes.set(name, { node, running: node.run() })
  }

  async stop(name: string): Promise<void> {
    const found = this.#nodes.get(name)
    this.#nodes.delete(name)
    await found?.node.close()
    await found?.running
  }

  tasks(name: string): number {
    return this.#nodes.get(name)?.node.status().tasks.length ?? 0
  }

  node(name: string): StreamsNode {
    return this.#nodes.get(name)!.node
  }

  async settled(): Promise<void> {
    const [any] = this.#nodes.values()
    await expect.poll(() => isDone(any!.node), { timeout: 60_000 }).toBe(true)
  }

  async close(): Promise<void> {
    for (const name of [...this.#nodes.keys()]) await this.stop(name)
  }
}

/** The counts that came out, by key, in order. */
export async function outputsOf(log: Log): Promise<Record<string, number[]>> {
  const outputs: Record<string, number[]> = {}
  const reader = await log.reader({ clientId: 'reader' })
  const cursor = new RecordCursor()
  const left = new Map<number, number>()
  for (const { partition, start, end } of await log.admin.offsets('out')) {
    reader.seek({ topic: 'out', partition }, start)
    if (end > start) left.set(partition, end)
  }
  while (left.size > 0) {
    for (const batch of await reader.poll(100)) {
      for (cursor.reset(batch, 0); cursor.next(); ) {
        const key = String(cursor.key)
        outputs[key] = [...(outputs[key] ?? []), long.deserialize(cursor.value!)]
      }
      if (batch.lastOffset + 1 >= (left.get(batch.partition) ?? 0)) left.delete(batch.partition)
    }
  }
  await reader.close()
  return outputs
}

/** Each count once, in order. */
export function exactOutputs(values: readonly Input[]): Record<string, number[]> {
  const counts = Object.entries(expectedCounts(values))
  return Object.fromEntries(
    counts.map(([key, count]) => [key, Array.from({ length: count }, (_, i) => i + 1)]),
  )
}

/**
 * Rolls two nodes to the second version and back while records are written without a pause, then lets them finish.
 * Answers with how many were written.
 */
export async function rollForthAndBack(cluster: RollingCluster, partitions: number): Promise<number> {
  const { log } = cluster
  await cluster.roll('a', version1())
  await cluster.roll('b', version1())
  let written = 0
  let loading = true
  const load = (async () => {
    while (loading) {
      await write(log, inputs(20, written), partitions)
      written += 20
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  })()
  const progress = async () => {
    const before = written
    await expect.poll(() => written, { timeout: 60_000 }).toBeGreaterThan(before + 200)
  }
  await progress()
  await cluster.roll('a', version2())
  await expect.poll(() => cluster.tasks('a'), { timeout: 60_000 }).toBe(2)
  await progress()
  await cluster.roll('b', version2())
  await expect.poll(() => cluster.tasks('b'), { timeout: 60_000 }).toBe(2)
  await progress()
  // Back: what the newer version has written, the older one leaves to it.
  await cluster.roll('a', version1())
  await expect.poll(() => cluster.tasks('b'), { timeout: 60_000 }).toBe(partitions)
  await progress()
  expect(cluster.tasks('a')).toBe(0)
  expect(cluster.notices.join('\n')).toMatch(
    /task 0_\d is left to other nodes: store \w+ of task 0_\d was written as/,
  )
  loading = false
  await load
  await cluster.settled()
  return written
}
