import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import RocksDB from 'rocksdb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkpointAt, entriesOf, stateContract } from './contract.ts'
import { rocksdbBackend } from './rocksdb.ts'
import { batch } from './rocksdb.writer.ts'
import type { StateBackend, StoreChange, TaskStore } from './store.ts'

let directory: string
let backend: StateBackend
const children: ChildProcess[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tickerwatch-state-'))
  backend = rocksdbBackend(join(directory, 'state'))
})

afterEach(async () => {
  for (const child of children.splice(0)) await ended(child)
  await rm(directory, { recursive: true, force: true })
})

stateContract('rocksdb', async () => {
  const own = await mkdtemp(join(tmpdir(), 'tickerwatch-state-'))
  return {
    backend: rocksdbBackend(join(own, 'state')),
    dispose: () => rm(own, { recursive: true, force: true }),
  }
})

/** Starts the writer; a limit is in blocks of 512 bytes per file, a full disk on a small scale. */
function startWriter(fileLimit?: number): { child: ChildProcess; lines: Interface } {
  const command = `trap '' XFSZ; ${fileLimit === undefined ? '' : `ulimit -f ${fileLimit};`} exec "$@"`
  const writer = fileURLToPath(new URL('rocksdb.writer.ts', import.meta.url))
  const args = ['-c', command, 'sh', process.execPath, '--import', 'tsx', writer, join(directory, 'state')]
  const child = spawn('sh', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return { child, lines: createInterface({ input: child.stdout! }) }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exit
}

/** What the database holds after so many batches of the writer. */
function contentsAfter(number: number): [string, string][] {
  const contents = new Map<string, string>()
  for (let n = 1; n <= number; n++) {
    for (const { key, value } of batch(n)) {
      if (value === null) contents.delete(key.toString())
      else contents.set(key.toString(), value.toString())
    }
  }
  return [...contents].sort(([a], [b]) => (a < b ? -1 : 1))
}

async function expectWholeBatches(atLeast: number): Promise<number> {
  const store = await backend.open('0_0', reason => expect.fail(reason))
  const number = store.checkpoint?.positions.counts ?? 0
  expect(number).toBeGreaterThanOrEqual(atLeast)
  expect(await entriesOf(store, 'counts')).toEqual(contentsAfter(number))
  await store.close()
  return number
}

test('after kill -9 the contents are exactly those of the checkpoint, and nothing acknowledged is lost', async () => {
  let acknowledged = 0
  for (const more of [1, 37, 400, 5, 150]) {
    const { child, lines } = startWriter()
    const target = acknowledged + more
    for await (const line of lines) {
      acknowledged = Number(line)
      if (acknowledged >= target) break
    }
    await ended(child)
    acknowledged = await expectWholeBatches(acknowledged)
  }
})

test('a database that another process holds is locked, not damaged', async () => {
  const { child, lines } = startWriter()
  for await (const line of lines) if (Number(line) > 0) break
  await expect(backend.open('0_0', reason => expect.fail(reason))).rejects.toMatchObject({
    code: 'STATE_LOCKED',
  })
  await expect(backend.destroy('0_0')).rejects.toMatchObject({ code: 'STATE_LOCKED' })
  await ended(child)
  await expectWholeBatches(1)
})

test('when the disk takes no more the write fails, and what was acknowledged stays', async () => {
  const { lines } = startWriter(200)
  let acknowledged = 0
  let outcome = ''
  for await (const line of lines) {
    outcome = line
    if (Number(line) > 0) acknowledged = Number(line)
  }
  expect(outcome).toBe('STATE_DISK')
  await expectWholeBatches(acknowledged)
})

test('a directory that cannot be made is a refusal of the disk', async () => {
  await writeFile(join(directory, 'file'), '')
  const nowhere = rocksdbBackend(join(directory, 'file', 'state'))
  await expect(nowhere.open('0_0')).rejects.toMatchObject({ code: 'STATE_DISK' })
})

describe('a database that cannot be read is set aside and made anew', () => {
  const fill = async (): Promise<void> => {
    const store = await backend.open('0_0')
    let random = 1
    for (let i = 1; i <= 12; i++) {
      const changes: StoreChange[] = Array.from({ length: 50 }, (_, n) => {
        const value = Buffer.alloc(10_000)
        for (let at = 0; at < value.length; at += 4) {
          random = (Math.imul(random, 1664525) + 1013904223) >>> 0
          value.writeUInt32LE(random, at)
        }
        return { key: Buffer.from(`${i}/${n}`), value }
      })
      await store.write(new Map([['counts', changes]]), checkpointAt(i))
    }
    await store.close()
    // Opening turns what the write-ahead log holds into a table file.
    await (await backend.open('0_0')).close()
  }
  const path = (...parts: string[]): string => join(directory, 'state', ...parts)
  const filesLike = async (pattern: RegExp): Promise<string[]> =>
    (await readdir(path('0_0'))).filter(name => pattern.test(name)).map(name => path('0_0', name))
  const overwrite = async (file: string): Promise<void> => {
    const bytes = await readFile(file)
    await writeFile(
      file,
      bytes.map((byte, i) => (i % 100 < 50 ? byte ^ 0x5a : byte)),
    )
  }
  const flipBit = async (file: string): Promise<void> => {
    const bytes = await readFile(file)
    bytes[bytes.length >> 1]! ^= 1
    await writeFile(file, bytes)
  }
  const reopen = async (): Promise<{ store: TaskStore; reasons: string[] }> => {
    const reasons: string[] = []
    return { store: await backend.open('0_0', reason => reasons.push(reason)), reasons }
  }
  const expectAnew = async ({ store, reasons }: { store: TaskStore; reasons: string[] }): Promise<void> => {
    expect(reasons).toHaveLength(1)
    expect(store.checkpoint).toBeUndefined()
    expect(await entriesOf(store, 'counts')).toEqual([])
    await store.write(new Map(), checkpointAt(1))
    await store.close()
    expect((await readdir(path())).sort()).toEqual(['0_0', '0_0.corrupt-1'])
    expect(await backend.list()).toEqual(['0_0'])
  }

  test('a CURRENT that names nothing', async () => {
    await fill()
    await writeFile(path('0_0', 'CURRENT'), 'nonsense')
    await expectAnew(await reopen())
  })

  test('a manifest of other bytes', async () => {
    await fill()
    for (const file of await filesLike(/^MANIFEST/)) await overwrite(file)
    await expectAnew(await reopen())
  })

  test('a manifest that is missing', async () => {
    await fill()
    for (const file of await filesLike(/^MANIFEST/)) await rm(file)
    await expectAnew(await reopen())
  })

  for (const [damage, apply] of [
    ['overwritten', overwrite],
    ['wrong by a bit', flipBit],
    ['cut short', (file: string) => truncate(file, 1000)],
    ['missing', (file: string) => rm(file)],
  ] as const) {
    test(`a table file that is ${damage}, at the latest when it has been read`, async () => {
      await fill()
      const tables = await filesLike(/\.sst$/)
      expect(tables.length).toBeGreaterThan(0)
      for (const table of tables) await apply(table)
      let opened = await reopen()
      if (opened.reasons.length === 0) {
        await expect(entriesOf(opened.store, 'counts')).rejects.toMatchObject({ code: 'STATE_CORRUPT' })
        await opened.store.close()
        opened = await reopen()
      }
      await expectAnew(opened)
    })
  }

  test('a checkpoint that is none', async () => {
    for (const bytes of ['', '{', '{"positions":{}}', 'null']) {
      await fill()
      await new Promise<void>((resolve, reject) => {
        const database = new RocksDB(path('0_0'))
        database.open({}, () => {
          database.batch([{ type: 'put', key: Buffer.of(0), value: Buffer.from(bytes) }], error => {
            if (error) reject(error)
            database.close(() => resolve())
          })
        })
      })
      await expectAnew(await reopen())
      await backend.destroy('0_0')
    }
  })

  test('only the newest are kept, and destroy removes them too', async () => {
    await mkdir(path('0_01.corrupt-1'), { recursive: true })
    for (let i = 0; i < 4; i++) {
      await (await reopen()).store.close()
      await writeFile(path('0_0', 'CURRENT'), 'nonsense')
    }
    const { store } = await reopen()
    await store.close()
    expect((await readdir(path())).sort()).toEqual([
      '0_0',
      '0_0.corrupt-3',
      '0_0.corrupt-4',
      '0_01.corrupt-1',
    ])
    await backend.destroy('0_0')
    expect(await readdir(path())).toEqual(['0_01.corrupt-1'])
  })

  test('data without a checkpoint, left by a clear that was cut off, is no state', async () => {
    await fill()
    await new Promise<void>(resolve => {
      const database = new RocksDB(path('0_0'))
      database.open({}, () => {
        database.batch([{ type: 'del', key: Buffer.of(0) }], () => database.close(() => resolve()))
      })
    })
    const { store, reasons } = await reopen()
    expect(reasons).toEqual([])
    expect(store.checkpoint).toBeUndefined()
    expect(await entriesOf(store, 'counts')).toEqual([])
    await store.close()
  })
})
