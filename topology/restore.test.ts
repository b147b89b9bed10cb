import { expect, it, describe as suite } from 'vitest'
import { entriesOf } from '../state/contract.ts'
import { KeyValueStore, memoryBackend, type StateBackend, type TaskStore } from '../state/index.ts'
import {
  changelogTopic,
  type Log,
  type Reader,
  type RestoreEvent,
  type Serde,
  StreamsNode,
  string,
  TopologyBuilder,
} from './index.ts'
import { counting, countingLog, expectedCounts, inputs, isDone, run } from './testing/counting-node.ts'

/** Runs a node with a table of these values on an empty disk, writes rows, and answers with what the table holds. */
function tableRows(log: Log, value: Serde<string>, state: () => StateBackend = memoryBackend) {
  const builder = new TopologyBuilder()
  builder.table('in', { key: string, value, store: 'rows' })
  return async (written: readonly (readonly [string, string | null])[]) => {
    const topology = builder.build()
    const node = new StreamsNode({ topology, applicationId: 'app', log, state: state() })
    await node.start()
    const running = node.run()
    await expect.poll(() => node.status().tasks.length, { timeout: 20_000 }).toBe(1)
    const producer = await log.producer({ clientId: 'writer' })
    await producer.init()
    for (const [key, text] of written) {
      const record = { topic: 'in', partition: 0, key: Buffer.from(key), timestamp: 0 }
      await producer.send([{ ...record, value: text === null ? null : Buffer.from(text) }])
      await expect.poll(() => isDone(node), { interval: 5 }).toBe(true)
    }
    await producer.close()
    await expect.poll(() => isDone(node)).toBe(true)
    const [{ store } = { store: undefined }] = node.stores('rows')
    const entries = store instanceof KeyValueStore ? [...store.entries()] : []
    await node.close()
    await running
    return entries.map(entry => `${entry.key}=${entry.value}`)
  }
}

suite('a restore', () => {
  it('reads no more than the changelogs beyond the local state, and tells of each store', async () => {
    const [log, state, older] = [await countingLog(), memoryBackend(), memoryBackend()]
    await run({ log, state: older, values: inputs(300) })
    await run({ log, state, values: inputs(20, 300) })
    const again = await run({ log, state })
    expect(again.read).toBe(0)
    expect(again.counts).toEqual(expectedCounts(inputs(320)))

    const behind = await run({ log, state: older })
    expect(behind.counts).toEqual(again.counts)
    expect(behind.windows).toEqual(again.windows)
    // 20 keys were counted, in one minute, and a clock moved on; commits in between write some of it twice.
    expect(behind.read).toBeGreaterThanOrEqual(2 * 20)
    expect(behind.read).toBeLessThan(3 * 20 + 20)
    for (const store of ['counts', 'minutes']) {
      const topic = changelogTopic('app', store)
      const [start, end] = behind.events.filter(event => event.store === store)
      const [bounds] = await log.admin.offsets(topic)
      expect(start).toMatchObject({ type: 'start', task: '0_0', topic, partition: 0, end: bounds?.end })
      expect(start?.start).toBeGreaterThan(0)
      expect(end).toMatchObject({ type: 'end', start: start?.start, end: bounds?.end, left: 0 })
    }
    await log.close()
  })

  it('rebuilds everything from the changelogs where there is no local state', async () => {
    const log = await countingLog()
    const first = await run({ log, state: memoryBackend(), values: inputs(300) })
    const second = await run({ log, state: memoryBackend() })
    expect(second.counts).toEqual(expectedCounts(inputs(300)))
    expect(second.windows).toEqual(first.windows)
    expect(second.read).toBeGreaterThan(50)
    await log.close()
  })

  it('does not ask whether what was replaced or deleted since could still be decoded', async () => {
    const log = await countingLog()
    let unreadable = ''
    const value: Serde<string> = {
      ...string,
      deserialize(bytes) {
        if (bytes.toString() === unreadable) throw new Error(`${unreadable} cannot be read any more`)
        return bytes.toString()
      },
    }
    const rows = tableRows(log, value)
    const written = await rows([
      ...([
        ['a', '1'],
        ['gone', '1'],
        ['b', 'old'],
        ['b', '2'],
        ['a', '3'],
        ['gone', null],
      ] as const), // as committed
    ])
    expect(written).toEqual(['a=3', 'b=2'])
    unreadable = 'old'
    expect(await rows([])).toEqual(written)
    await log.close()
  })

  it('asks again for what cannot be decoded before something is fetched', async () => {
    const log = await countingLog()
    let failures = 0
    const value: Serde<string> = {
      ...string,
      deserialize(bytes) {
        if (failures-- > 0)
          throw Object.assign(new Error('no schema'), { ready: Promise.reject(new Error('no registry')) })
        return bytes.toString()
      },
    }
    const rows = tableRows(log, value)
    const written = await rows([
      ['a', '1'],
      ['b', '2'],
    ])
    // Once as the changelog is read, once as the database is loaded.
    failures = 2
    expect(await rows([])).toEqual(written)
    expect(failures).toBeLessThan(0)
    await log.close()
  })

  it('leaves nothing of a store that was being filled when its process ended', async () => {
    const log = await countingLog()
    const [state, disk] = [memoryBackend(), memoryBackend()]
    const written = await tableRows(
      log,
      string,
      () => state,
    )([
      ['a', '1'],
      ['b', '2'],
    ])
    const before = await state.open('0_0')
    const checkpoint = before.checkpoint!
    await before.close()
    const half = await disk.open('0_0')
    const key = Buffer.from('deleted since, and compacted')
    await half.write(new Map([['rows', [{ key, value: Buffer.alloc(9) }]]]), {
      ...checkpoint,
      positions: { ...checkpoint.positions, rows: 0 },
    })
    await half.close()
    expect(await tableRows(log, string, () => disk)([])).toEqual(written)
    const after = await disk.open('0_0')
    expect(after.checkpoint?.positions.rows).toBeGreaterThanOrEqual(checkpoint.positions.rows!)
    expect((await entriesOf(after, 'rows')).map(([name]) => name)).toEqual(['a', 'b'])
    await log.close()
  })

  it('is seen while it goes on, and said to be suspended where it is given up', async () => {
    const log = await countingLog()
    await run({ log, state: memoryBackend(), values: inputs(300) })
    const events: RestoreEvent[] = []
    const silent = async (options: Parameters<Log['reader']>[0]): Promise<Reader> => {
      const reader = await log.reader(options)
      reader.poll = () => new Promise(resolve => setTimeout(resolve, 5, []))
      return reader
    }
    const node = new StreamsNode({
      topology: counting(),
      applicationId: 'app',
      log: { ...log, reader: silent },
      state: memoryBackend(),
      onRestore: event => events.push(event),
    })
    await node.start()
    const running = node.run()
    await expect.poll(() => node.status().restoring.length).toBe(2)
    const [bounds] = await log.admin.offsets(changelogTopic('app', 'counts'))
    expect(node.status().restoring).toContainEqual({ task: '0_0', store: 'counts', left: bounds?.end })
    expect(node.status().tasks).toEqual([])
    await node.close()
    await running
    const types = events.filter(({ store }) => store === 'counts').map(({ type }) => type)
    expect(new Set(types)).toEqual(new Set(['start', 'suspended']))
    expect(node.status().restoring).toEqual([])
    await log.close()
  })

  it('loads no window that has expired, and deletes it where it is persisted', async () => {
    const [log, state] = [await countingLog(), memoryBackend()]
    // The window store keeps ten minutes: what a lost deletion has left there is older.
    await run({ log, state, values: [...inputs(1), { key: 'k1', timestamp: 3_600_000 }] })
    const database = await state.open('0_0')
    const whole = await keysOf(database)
    const stale = { key: windowId('k0', 0), value: Buffer.alloc(16) }
    await database.write(new Map([['minutes', [stale]]]), database.checkpoint!)
    expect(await keysOf(database)).toHaveLength(whole.length + 1)
    await database.close()
    const { windows } = await run({ log, state, values: [{ key: 'k1', timestamp: 3_600_001 }] })
    expect(windows.map(({ key, start }) => [key, start])).toEqual([['k1', 3_600_000]])
    const reopened = await state.open('0_0')
    expect(await keysOf(reopened)).toEqual(whole)
    await reopened.close()
    await log.close()
  })

  it('takes no state of another log, nor one that is ahead of its changelog', async () => {
    const [log, other, state] = [await countingLog(), await countingLog(), memoryBackend()]
    await run({ log, state, values: inputs(300) })
    const foreign = await run({ log: other, state, values: inputs(10) })
    expect(foreign.notices.join()).toContain(
      'set aside and is rebuilt: the changelog of store counts is that of another log',
    )
    expect(foreign.counts).toEqual(expectedCounts(inputs(10)))

    const database = await state.open('0_0')
    const { identities, layouts, positions } = database.checkpoint!
    const counts = positions.counts! + 1000
    await database.write(new Map(), { identities, layouts, positions: { ...positions, counts } })
    await database.close()
    const future = await run({ log: other, state })
    expect(future.notices.join()).toContain(
      `it reflects the changelog of store counts up to ${counts}, which ends at`,
    )
    expect(future.counts).toEqual(foreign.counts)
    await log.close()
    await other.close()
  })
})

/** As a window store persists it. */
function windowId(key: string, start: number): Buffer {
  const out = Buffer.alloc(21 + key.length)
  out[0] = 1
  out.writeUInt32BE(key.length, 1)
  out.write(key, 5)
  out.writeBigInt64BE(BigInt(start), 5 + key.length)
  return out
}

async function keysOf(database: TaskStore): Promise<Buffer[]> {
  const keys: Buffer[] = []
  for await (const chunk of database.scan('minutes')) for (const { key } of chunk) keys.push(key)
  return keys
}
