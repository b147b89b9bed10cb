import { expect, it, describe as suite } from 'vitest'
import { KeyValueStore, memoryBackend, type StateBackend } from '../state/index.ts'
import {
  evolved,
  type Graph,
  json,
  type Log,
  long,
  RecordCursor,
  type Serde,
  StreamsNode,
  session,
  string,
  TopologyBuilder,
  upgraded,
} from './index.ts'
import { countingLog, expectedCounts, type Input, inputs, isDone, write } from './testing/counting-node.ts'

const PARTITIONS = 4

/** What the second version keeps: also whether it has seen the key itself. */
interface Seen {
  readonly count: number
  readonly byNewer: boolean
}

const seen: Serde<Seen> = { ...json<Seen>(), name: 'seen' }
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

const version1 = () =>
  topologyOf<number>(
    long,
    count => count,
    count => count,
  )
const version2 = (value = laterSeen) =>
  topologyOf<Seen>(
    value,
    count => ({ count, byNewer: true }),
    ({ count }) => count,
  )

class Cluster {
  readonly notices: string[] = []
  readonly #nodes = new Map<string, { node: StreamsNode; running: Promise<void> }>()
  readonly #states = new Map<string, StateBackend>()
  readonly log: Log

  constructor(log: Log) {
    this.log = log
  }

  /** Stops the node of this name, if it runs, and starts it with this topology on the state it had. */
  async roll(name: string, topology: Graph): Promise<void> {
    await this.stop(name)
    const state = this.#states.get(name) ?? memoryBackend()
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
    await expect.poll(() => isDone(any!.node), { timeout: 20_000 }).toBe(true)
  }
}

/** The counts that came out, by key, in order. */
async function outputsOf(log: Log): Promise<Record<string, number[]>> {
  const outputs: Record<string, number[]> = {}
  const reader = await log.reader({ clientId: 'reader' })
  const cursor = new RecordCursor()
  const left = new Map<number, number>()
  for (const { partition, start, end } of await log.admin.offsets('out')) {
    reader.seek({ topic: 'out', partition }, start)
    if (end > start) left.set(partition, end)
  }
  while (left.size > 0) {
    for (const batch of await reader.poll(0)) {
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
function exactOutputs(values: readonly Input[]): Record<string, number[]> {
  const counts = Object.entries(expectedCounts(values))
  return Object.fromEntries(
    counts.map(([key, count]) => [key, Array.from({ length: count }, (_, i) => i + 1)]),
  )
}

suite('two nodes', () => {
  it('are rolled to the next version and back under load; outputs are exact', async () => {
    const cluster = new Cluster(await countingLog(PARTITIONS))
    const { log } = cluster
    await cluster.roll('a', version1())
    await cluster.roll('b', version1())
    let written = 0
    let loading = true
    const load = (async () => {
      while (loading) {
        await write(log, inputs(20, written), PARTITIONS)
        written += 20
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    })()
    const progress = async () => {
      const before = written
      await expect.poll(() => written, { timeout: 20_000 }).toBeGreaterThan(before + 200)
    }
    await progress()
    await cluster.roll('a', version2())
    await expect.poll(() => cluster.tasks('a'), { timeout: 20_000 }).toBe(2)
    await progress()
    await cluster.roll('b', version2())
    await expect.poll(() => cluster.tasks('b'), { timeout: 20_000 }).toBe(2)
    await progress()
    // Back: what the newer version has written, the older one leaves to it.
    await cluster.roll('a', version1())
    await expect.poll(() => cluster.tasks('b'), { timeout: 20_000 }).toBe(PARTITIONS)
    await progress()
    expect(cluster.tasks('a')).toBe(0)
    expect(cluster.notices.join('\n')).toMatch(
      /task 0_\d is left to other nodes: store \w+ of task 0_\d was written as/,
    )
    loading = false
    await load
    await cluster.settled()
    expect(await outputsOf(log)).toEqual(exactOutputs(inputs(written)))
    // Alone it stands still, and says so; and goes on as soon as a newer one is there again.
    await cluster.stop('b')
    await write(log, inputs(50, written), PARTITIONS)
    await cluster.roll('b', version2())
    await expect.poll(() => cluster.tasks('b'), { timeout: 20_000 }).toBe(PARTITIONS)
    await cluster.settled()
    expect(await outputsOf(log)).toEqual(exactOutputs(inputs(written + 50)))
    await cluster.stop('a')
    await cluster.stop('b')
    await log.close()
  })
})

suite('a store', () => {
  it('holds values of both layouts, each rewritten when it changes', async () => {
    const cluster = new Cluster(await countingLog())
    await cluster.roll('a', version1())
    await write(cluster.log, inputs(50))
    await cluster.settled()
    await cluster.roll('a', version2())
    await write(cluster.log, inputs(10))
    await cluster.settled()
    await cluster.roll('a', version2())
    await expect.poll(() => cluster.tasks('a')).toBe(1)
    const [counts] = cluster.node('a').stores('counts')
    const entries = counts?.store instanceof KeyValueStore ? [...counts.store.entries()] : []
    const byNewer = entries.filter(({ value }) => (value as Seen).byNewer).map(({ key }) => key)
    expect(entries).toHaveLength(50)
    expect(byNewer.sort()).toEqual(
      inputs(10)
        .map(({ key }) => key)
        .sort(),
    )
    await cluster.stop('a')
    await cluster.log.close()
  })

  it.each([
    ['also from its local state', false],
    ['also from its changelog alone', true],
  ])('whose layout cannot be read is refused, with what to do, %s', async (_, alone) => {
    const log = await countingLog()
    const first = new Cluster(log)
    await first.roll('a', version1())
    await write(log, inputs(50))
    await first.settled()
    await first.stop('a')
    const cluster = alone ? new Cluster(log) : first
    await cluster.roll('a', version2(seen))
    await expect(cluster.node('a').run()).rejects.toMatchObject({
      code: 'STATE_INCOMPATIBLE',
      message: expect.stringMatching(
        /^store \w+ of task 0_0 was written as .*:string:long; this version of the application reads .*:string:seen$/,
      ),
    })
    await log.close()
  })
})
