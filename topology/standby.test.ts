import { expect, it, describe as suite } from 'vitest'
import { memoryBackend, type StateBackend, StateError } from '../state/index.ts'
import { type Log, type NodeOptions, partitionOf, type RestoreEvent, StreamsNode } from './index.ts'
import {
  counting,
  countingLog,
  countsOf,
  expectedCounts,
  inputs,
  isDone,
  standbysCaughtUp,
  write,
} from './testing/counting-node.ts'

const PARTITIONS = 4

interface Running {
  readonly node: StreamsNode
  readonly events: RestoreEvent[]
  readonly running: Promise<void>
  stop(): Promise<void>
}

async function start(log: Log, clientId: string, options: Partial<NodeOptions> = {}): Promise<Running> {
  const events: RestoreEvent[] = []
  const node = new StreamsNode({
    topology: counting(),
    applicationId: 'app',
    clientId,
    log,
    state: memoryBackend(),
    commitInterval: 5,
    standbyReplicas: 1,
    onRestore: event => events.push(event),
    ...options,
  })
  await node.start()
  const running = node.run()
  const stop = async () => {
    await node.close()
    await running
  }
  return { node, events, running, stop }
}

const tasksOf = ({ node }: Running) =>
  node
    .status()
    .tasks.map(({ name }) => name)
    .sort()
const standbysOf = ({ node }: Running) =>
  node
    .status()
    .standbys.map(({ name }) => name)
    .sort()
const areCaughtUp = async (log: Log, ...nodes: readonly Running[]) =>
  (await Promise.all(nodes.map(({ node }) => standbysCaughtUp(node, log)))).every(each => each)

suite('standbys', () => {
  it('are kept by the other node, follow what is committed, and are taken over without reading it again', async () => {
    const log = await countingLog(PARTITIONS)
    const [a, b] = [await start(log, 'a'), await start(log, 'b')]
    await expect.poll(() => [tasksOf(a).length, tasksOf(b).length]).toEqual([2, 2])
    await expect.poll(() => [standbysOf(a), standbysOf(b)]).toEqual([tasksOf(b), tasksOf(a)])
    await write(log, inputs(2000), PARTITIONS)
    await expect.poll(() => isDone(a.node), { timeout: 10_000 }).toBe(true)
    await expect.poll(() => areCaughtUp(log, a, b), { timeout: 10_000 }).toBe(true)
    const moved = tasksOf(a)
    b.events.length = 0
    await a.stop()
    await expect.poll(() => tasksOf(b).length).toBe(PARTITIONS)
    const read = b.events.filter(({ type, task }) => type === 'end' && moved.includes(task))
    expect(read).toHaveLength(4)
    expect(read.reduce((sum, { records }) => sum + records, 0)).toBe(0)
    await write(log, inputs(100, 2000), PARTITIONS)
    await expect.poll(() => isDone(b.node), { timeout: 10_000 }).toBe(true)
    expect(countsOf(b.node)).toEqual(expectedCounts(inputs(2100)))
    await b.stop()
    await log.close()
  })

  it('decide who takes a task over', async () => {
    const log = await countingLog(PARTITIONS)
    const nodes = [await start(log, 'a'), await start(log, 'b'), await start(log, 'c'), await start(log, 'd')]
    await expect.poll(() => nodes.map(node => tasksOf(node).length)).toEqual([1, 1, 1, 1])
    await write(log, inputs(500), PARTITIONS)
    await expect.poll(() => nodes.every(node => standbysOf(node).length === 1)).toBe(true)
    await expect.poll(() => isDone(nodes[0]!.node), { timeout: 10_000 }).toBe(true)
    const [task] = tasksOf(nodes[0]!)
    const heir = nodes.find(node => standbysOf(node).includes(task!))!
    await nodes[0]!.stop()
    await expect.poll(() => tasksOf(heir)).toContain(task)
    for (const node of nodes.slice(1)) await node.stop()
    await log.close()
  })

  it('go on after one of them failed, and do not end the node', async () => {
    const log = await countingLog(PARTITIONS)
    let failures = 0
    const failing = failingWrites(memoryBackend(), () => failures-- > 0)
    const a = await start(log, 'a')
    const notices: string[] = []
    const b = await start(log, 'b', { state: failing, onNotice: text => notices.push(text) })
    await expect.poll(() => standbysOf(b).length).toBe(2)
    await write(log, inputs(100), PARTITIONS)
    await expect.poll(() => isDone(a.node), { timeout: 10_000 }).toBe(true)
    await expect.poll(() => areCaughtUp(log, b)).toBe(true)
    // Only the standbys of b write now: its own tasks have nothing to do.
    failures = 1
    const [partition] = tasksOf(a).map(name => Number(name.slice(2)))
    const own = inputs(50).filter(({ key }) => partitionOf(Buffer.from(key), PARTITIONS) === partition)
    await write(log, own, PARTITIONS)
    await expect
      .poll(() => notices.join())
      .toContain(`the standby of task 0_${partition} does not go on: the disk is tired`)
    await expect
      .poll(async () => standbysOf(b).length === 2 && (await areCaughtUp(log, b)), { timeout: 10_000 })
      .toBe(true)
    await a.stop()
    await expect.poll(() => tasksOf(b).length).toBe(PARTITIONS)
    expect(countsOf(b.node)).toEqual(expectedCounts([...inputs(100), ...own]))
    await b.stop()
    await log.close()
  })
})

function failingWrites(state: StateBackend, fails: () => boolean): StateBackend {
  return {
    ...state,
    open: async (task, onSetAside) => {
      const inner = await state.open(task, onSetAside)
      return {
        get checkpoint() {
          return inner.checkpoint
        },
        get: (store, key) => inner.get(store, key),
        getMany: (store, keys) => inner.getMany(store, keys),
        scan: (store, range) => inner.scan(store, range),
        write: async (changes, checkpoint) => {
          if (fails()) throw new StateError('STATE_DISK', 'the disk is tired')
          await inner.write(changes, checkpoint)
        },
        clear: store => inner.clear(store),
        close: () => inner.close(),
      }
    },
  }
}

it('no standbys are kept unless asked for', async () => {
  const log = await countingLog(PARTITIONS)
  const [a, b] = [
    await start(log, 'a', { standbyReplicas: 0 }),
    await start(log, 'b', { standbyReplicas: 0 }),
  ]
  await expect.poll(() => [tasksOf(a).length, tasksOf(b).length]).toEqual([2, 2])
  expect([standbysOf(a), standbysOf(b)]).toEqual([[], []])
  await a.stop()
  await b.stop()
  await log.close()
})
