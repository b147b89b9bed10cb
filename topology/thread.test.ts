/** What goes on while a commit, a restore or a question to the group is under way. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { memoryBackend, type StateBackend } from '../state/index.ts'
import {
  KeyValueStore,
  type Log,
  long,
  memoryLog,
  type NodeOptions,
  partitionOf,
  RecordCursor,
  StreamsNode,
  string,
  systemTimers,
  TickerError,
  TopologyBuilder,
} from './index.ts'
import { HeldLog } from './testing/held-log.ts'

const text = { key: string, value: string }
/** A key of each partition. */
const keys = [0, 1].map(partition => {
  for (let i = 0; ; i++) if (partitionOf(Buffer.from(`k${i}`), 2) === partition) return `k${i}`
})

/** The running count of each key. */
function counting() {
  const builder = new TopologyBuilder()
  const counts = builder.store('count', name => new KeyValueStore({ name, key: string, value: long }))
  builder
    .stream('in', text)
    .processValues('running', {
      value: string,
      stores: { counts },
      processor:
        ({ forward, stores }) =>
        ({ key, value, timestamp }) => {
          if (key === null) return
          const count = (stores.counts.get(key)?.value ?? 0) + 1
          stores.counts.put(key, count, timestamp)
          forward({ value: `${count}${value}` })
        },
    })
    .to('out')
  return builder.build()
}

describe('a thread', () => {
  let inner: Log
  let held: HeldLog
  let state: StateBackend
  let node: StreamsNode
  let running: Promise<void>
  const notices: string[] = []

  beforeEach(async () => {
    inner = memoryLog()
    held = new HeldLog(inner)
    state = memoryBackend()
    notices.length = 0
    await inner.admin.createTopics(['in', 'out'].map(topic => ({ topic, partitions: 2 })))
  })
  afterEach(async () => {
    await node.close()
    await running
    await inner.close()
  })

  const start = async (topology = counting(), options: Partial<NodeOptions> = {}): Promise<void> => {
    node = new StreamsNode({
      topology,
      applicationId: 'app',
      log: held.log,
      state,
      commitInterval: 5,
      ...options,
      onNotice: text => notices.push(text),
    })
    await node.start()
    running = node.run()
    await expect.poll(() => node.status().tasks.length).toBe(2)
  }

  const write = async (partition: number, ...values: string[]): Promise<void> => {
    const producer = await inner.producer({ clientId: 'writer' })
    await producer.init()
    const key = Buffer.from(keys[partition]!)
    await producer.send(
      values.map((value, timestamp) => ({
        topic: 'in',
        partition,
        key,
        value: Buffer.from(value),
        timestamp,
      })),
    )
    await producer.close()
  }

  /** What a read_committed reader finds. */
  const written = async (partition: number): Promise<string[]> => {
    const reader = await inner.reader({ clientId: 'reader' })
    const cursor = new RecordCursor()
    const values: string[] = []
    const end = (await inner.admin.offsets('out'))[partition]?.end ?? 0
    reader.seek({ topic: 'out', partition }, 0)
    for (let position = 0; position < end; ) {
      for (const batch of await reader.poll(0)) {
        for (cursor.reset(batch, position); cursor.next(); ) values.push(String(cursor.value))
        position = batch.lastOffset + 1
      }
    }
    await reader.close()
    return values
  }

  /** An assignment as the group would tell it. */
  const assign = (...partitions: number[]): void =>
    held.consumers[0]!.onAssigned({
      generation: 1,
      memberId: 'this',
      partitions: partitions.map(partition => ({ topic: 'in', partition })),
    })

  it('goes on with all tasks while one commits, and commits what came meanwhile with the next one', async () => {
    await start()
    const commit = held.hold('send', 'app-0_0')
    await write(0, 'a')
    await commit.reached
    await write(0, 'b', 'c')
    await write(1, 'd')
    await expect.poll(() => node.status().processed).toBe(4)
    await expect.poll(() => written(1)).toEqual(['1d'])
    expect(await written(0)).toEqual([])
    commit.release()
    await expect.poll(() => written(0)).toEqual(['1a', '2b', '3c'])
    expect(held.calls.filter(call => call === 'commit app-0_0')).toHaveLength(2)
  })

  it('takes no more for a task whose buffer is full, until its commit is done', async () => {
    await start()
    const commit = held.hold('send', 'app-0_0')
    await write(0, 'a')
    await commit.reached
    const megabyte = 'm'.repeat(1_000_000)
    for (let i = 0; i < 20; i++) await write(0, megabyte)
    await write(1, 'd')
    await expect.poll(() => node.status().processed).toBe(11)
    await expect.poll(() => written(1)).toEqual(['1d'])
    expect(node.status().processed).toBe(11)
    commit.release()
    await expect.poll(async () => (await written(0)).length).toBe(21)
  })

  it('discards both epochs when a commit fails, and asks the group before it makes the producer anew', async () => {
    await start()
    await write(0, 'a')
    await expect.poll(() => written(0)).toEqual(['1a'])
    const commit = held.hold('commit', 'app-0_0')
    await write(0, 'b')
    await commit.reached
    await write(0, 'c')
    await expect.poll(() => node.status().processed).toBe(3)
    held.calls.length = 0
    commit.release(new TickerError('LOG_FAILED', 'the connection was cut'))
    await expect.poll(() => written(0)).toEqual(['1a', '2b', '3c'])
    const asked = held.calls.filter(call => call.startsWith('heartbeat') || call === 'init app-0_0')
    expect(asked.slice(0, 2)).toEqual(['heartbeat app', 'init app-0_0'])
    expect(notices).toEqual(['task 0_0 is tried again: the connection was cut'])
  })

  it('lets a commit end whose task is taken away, and begins the task again only after it', async () => {
    await start()
    const commit = held.hold('commit', 'app-0_0')
    await write(0, 'a')
    await commit.reached
    held.calls.length = 0
    assign(1)
    await expect.poll(() => node.status().tasks.length).toBe(1)
    assign(0, 1)
    await write(1, 'd')
    await expect.poll(() => written(1)).toEqual(['1d'])
    expect(held.calls).not.toContain('init app-0_0')
    commit.release()
    await write(0, 'b')
    await expect.poll(() => written(0)).toEqual(['1a', '2b'])
    expect(held.calls.filter(call => call === 'init app-0_0')).toHaveLength(1)
  })

  it('stops to begin a task that is taken away meanwhile, wherever it is by then', async () => {
    for (const [call, of] of [
      ['init', 'app-0_0'],
      ['stablePositions', 'app'],
    ] as const) {
      const beginning = held.hold(call, of)
      const started = start()
      await beginning.reached
      held.calls.length = 0
      assign(1)
      beginning.release()
      await expect.poll(() => node.status().tasks.map(task => task.name)).toEqual(['0_1'])
      await expect.poll(() => node.settling).toBe(false)
      expect(held.calls.filter(each => each.endsWith('0_0') || each === 'stablePositions app')).toEqual(
        call === 'init' ? ['stablePositions app'] : [],
      )
      assign(0, 1)
      await started
      await write(0, 'a')
      await expect.poll(async () => (await written(0)).at(-1)).toMatch(/a$/)
      await node.close()
      await running
      held.consumers.length = 0
    }
    expect(await written(0)).toEqual(['1a', '2a'])
  })

  it('leaves a task that failed to the assignment that came while it asked the group', async () => {
    await start()
    const asking = held.hold('heartbeat', 'app')
    const commit = held.hold('commit', 'app-0_0')
    await write(0, 'a')
    await commit.reached
    commit.release(new TickerError('LOG_FAILED', 'the connection was cut'))
    await asking.reached
    assign(0, 1)
    // What is processed from now on is processed after the thread has acted on the assignment.
    await write(1, 'd')
    await expect.poll(() => written(1)).toEqual(['1d'])
    asking.release(new TickerError('LOG_REBALANCED', 'of a generation that is over'))
    await expect.poll(() => written(0)).toEqual(['1a'])
    expect(node.status().tasks).toHaveLength(2)
  })

  it('commits what a task has done when another node takes it over, which need not do it again', async () => {
    await start(counting(), { commitInterval: 1e9, clientId: 'a' })
    await write(0, 'a', 'b')
    await write(1, 'c', 'd', 'e')
    await expect.poll(() => node.status().processed).toBe(5)
    const others = new HeldLog(inner)
    const inits = [0, 1].map(partition => others.hold('init', `app-0_${partition}`))
    const other = new StreamsNode({
      topology: counting(),
      applicationId: 'app',
      clientId: 'b',
      log: others.log,
      state: memoryBackend(),
      commitInterval: 1e9,
    })
    await other.start()
    const run = other.run()
    await Promise.race(inits.map(init => init.reached))
    await expect.poll(() => node.status().tasks).toHaveLength(1)
    const moved = node.status().tasks[0]!.name === '0_0' ? 1 : 0
    await expect.poll(() => written(moved)).toEqual(moved === 0 ? ['1a', '2b'] : ['1c', '2d', '3e'])
    for (const init of inits) init.release()
    await expect.poll(() => other.status().tasks).toHaveLength(1)
    await write(moved, 'f')
    await expect.poll(() => other.status().processed).toBe(1)
    await other.close()
    expect((await written(moved)).at(-1)).toBe(moved === 0 ? '3f' : '4f')
    await run
  })

  it('ends with what stands still when a commit does not, and is closed all the same', async () => {
    await start(counting(), { stallTimeout: 200 })
    const commit = held.hold('commit', 'app-0_1')
    await write(1, 'a')
    await commit.reached
    const ended = running
    running = Promise.resolve()
    await expect(ended).rejects.toMatchObject({
      code: 'NODE_STALLED',
      message: 'the commit of task 0_1 has made no progress for 200 ms',
    })
    await node.close()
  })

  it('ends when nothing is fetched although records wait, not when there are none', async () => {
    await start(counting(), { stallTimeout: 200 })
    await new Promise(resolve => setTimeout(resolve, 500))
    expect(node.status().tasks).toHaveLength(2)
    held.deafen()
    // Before the records are written: on a busy machine it may end while they are.
    const ended = expect(running).rejects.toMatchObject({
      code: 'NODE_STALLED',
      message: 'task 0_1 has made no progress for 200 ms, although 2 records wait',
    })
    running = Promise.resolve()
    await write(1, 'a', 'b')
    await ended
  })

  it('ends with the task that does not come to run', async () => {
    const init = held.hold('init', 'app-0_1')
    node = new StreamsNode({
      topology: counting(),
      applicationId: 'app',
      log: held.log,
      state,
      stallTimeout: 200,
    })
    await node.start()
    running = node.run()
    const ended = expect(running).rejects.toMatchObject({
      code: 'NODE_STALLED',
      message: 'the start of task 0_1 has made no progress for 200 ms',
    })
    running = Promise.resolve()
    await init.reached
    await ended
  })

  it('ends with the task that waits for what neither comes nor fails, not with one that says it waits', async () => {
    let ask = (): Promise<void> => Promise.reject(new Error('no registry'))
    const asked = {
      ...string,
      deserialize: (): string => {
        throw Object.assign(new Error('no schema'), { ready: ask() })
      },
    }
    const builder = new TopologyBuilder()
    builder.stream('in', { key: string, value: asked }).to('out', text)
    await start(builder.build(), { stallTimeout: 1_500 })
    await write(1, 'a')
    await expect.poll(() => notices.length, { timeout: 10_000 }).toBeGreaterThan(2)
    const ended = expect(running).rejects.toMatchObject({
      code: 'NODE_STALLED',
      message: 'what task 0_1 waits for has made no progress for 1500 ms',
    })
    running = Promise.resolve()
    ask = () => new Promise<void>(() => {})
    await ended
  })

  it('is closed without waiting for second attempts', async () => {
    const after = (delay: number, callback: () => void) =>
      delay === 100 ? () => {} : systemTimers.after(delay, callback)
    await start(counting(), { timers: { now: Date.now, after } })
    const commit = held.hold('commit', 'app-0_0')
    await write(0, 'a')
    await commit.reached
    commit.release(new TickerError('LOG_FAILED', 'the connection was cut'))
    await expect.poll(() => notices).toHaveLength(1)
    await node.close()
  })

  it('takes nothing while it is paused, keeps its tasks, and goes on when resumed', async () => {
    await start(counting(), { stallTimeout: 200 })
    await write(0, 'a')
    await expect.poll(() => written(0)).toEqual(['1a'])
    node.pause()
    await write(0, 'b')
    await new Promise(resolve => setTimeout(resolve, 500))
    expect(node.status()).toMatchObject({ processed: 1, tasks: [{ name: '0_0' }, { name: '0_1' }] })
    node.resume()
    await expect.poll(() => written(0)).toEqual(['1a', '2b'])
  })

  it('goes on with the other tasks while an asynchronous operator keeps one from its commit', async () => {
    let answer = (): void => {}
    const answered = new Promise<void>(resolve => {
      answer = resolve
    })
    const builder = new TopologyBuilder()
    builder
      .stream('in', text)
      .mapBatch('slow', async values => {
        if (values.includes('slow')) await answered
        return [...values]
      })
      .to('out', text)
    await start(builder.build())
    await write(0, 'slow')
    await expect.poll(() => node.status().processed).toBe(1)
    for (const value of ['a', 'b', 'c']) {
      await write(1, value)
      await expect.poll(async () => (await written(1)).at(-1)).toBe(value)
    }
    expect(await written(0)).toEqual([])
    answer()
    await expect.poll(() => written(0)).toEqual(['slow'])
  })
})
