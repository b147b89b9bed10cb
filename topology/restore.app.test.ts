import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, describe as suite } from 'vitest'
import { rocksdbBackend, type StateBackend } from '../state/index.ts'
import type { Log } from './index.ts'
import { countingLog, expectedCounts, inputs, run } from './testing/counting-node.ts'

let directory: string
let state: StateBackend
let log: Log

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tickerwatch-restore-'))
  state = rocksdbBackend(directory)
  log = await countingLog()
})

afterEach(async () => {
  await log.close()
  await rm(directory, { recursive: true, force: true })
})

/** What lies in the state directory, without what RocksDB keeps beside. */
const directories = async () => (await readdir(directory)).sort()

suite('a node over RocksDB', () => {
  it('goes on from the local state, reading nothing but the tail', async () => {
    await run({ log, state, values: inputs(5000) })
    const elsewhere = await run({
      log,
      state: rocksdbBackend(join(directory, 'other')),
      values: inputs(10, 5000),
    })
    const back = await run({ log, state })
    expect(back.counts).toEqual(expectedCounts(inputs(5010)))
    expect(back.windows).toEqual(elsewhere.windows)
    expect(elsewhere.read).toBeGreaterThan(50)
    expect(back.read).toBeGreaterThan(0)
    expect(back.read).toBeLessThan(50)
    expect(back.notices).toEqual([])
  })

  it('sets a corrupt database aside and rebuilds it', async () => {
    const values = inputs(5000)
    await run({ log, state, values })
    const location = join(directory, '0_0')
    const manifest = (await readdir(location)).find(name => name.startsWith('MANIFEST'))!
    await writeFile(join(location, manifest), 'no manifest')
    const after = await run({ log, state })
    expect(after.counts).toEqual(expectedCounts(values))
    expect(after.notices).toEqual([expect.stringContaining('task 0_0 was set aside and is rebuilt')])
    expect(await directories()).toEqual(['0_0', '0_0.corrupt-1'])
    expect((await run({ log, state })).read).toBe(0)
  })

  it('sets the database of another log aside, and one that is ahead of its changelog', async () => {
    await run({ log, state, values: inputs(100) })
    const other = await countingLog()
    const foreign = await run({ log: other, state, values: inputs(7) })
    expect(foreign.counts).toEqual(expectedCounts(inputs(7)))
    expect(foreign.notices).toEqual([expect.stringContaining('is that of another log')])
    expect(await directories()).toEqual(['0_0', '0_0.foreign-1'])

    const database = await state.open('0_0')
    const { positions, ...rest } = database.checkpoint!
    await database.write(new Map(), { ...rest, positions: { ...positions, minutes: 1_000_000 } })
    await database.close()
    const future = await run({ log: other, state })
    expect(future.counts).toEqual(expectedCounts(inputs(7)))
    expect(future.notices).toEqual([expect.stringContaining('up to 1000000, which ends at')])
    expect(await directories()).toEqual(['0_0', '0_0.foreign-1', '0_0.future-2'])
    await other.close()
  })
})
