/** A store's way to the disk and back: changes become bytes and one batch of the database, and are read into memory again. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import RocksDB from 'rocksdb'
import { KeyValueStore, rocksdbBackend, type TaskStore } from '../state/index.ts'
import { string } from '../topology/index.ts'
import { bytes } from '../topology/serde.ts'
import { benchmark, contest, expectEqual, type Figure } from './benchmark.ts'

export const store = benchmark({
  name: 'store',
  summary: 'a store committed to the local database and restored from it, beside RocksDB alone',
  sizes: {
    keys: { of: 200_000, what: 'in the store' },
    bytes: { of: 100, what: 'of each value' },
    commit: { of: 10_000, what: 'changes in a commit' },
    rounds: { of: 3, what: 'of each way' },
  },
  async run(size): Promise<Figure[]> {
    const directory = mkdtempSync(join(tmpdir(), 'tickerwatch-store-'))
    try {
      const [count, perCommit] = [size('keys'), size('commit')]
      const keys = Array.from({ length: count }, (_, i) => `key-${String(i).padStart(9, '0')}`)
      const value = Buffer.alloc(size('bytes'), 7)
      const common = { count, of: 'keys', rounds: size('rounds') }
      let made = 0
      const committed = await contest({
        ...common,
        ways: {
          'RocksDB alone, batches of the same bytes': async () => {
            await rocksdbAlone(join(directory, `alone-${made++}`), keys, value, perCommit)
          },
          'put, committed': async () => {
            const database = await rocksdbBackend(directory).open(`task-${made++}`)
            await putAndCommit(database, keys, value, perCommit)
            await database.close()
          },
        },
      })
      const database = await rocksdbBackend(directory).open('restored')
      await putAndCommit(database, keys, value, perCommit)
      const restored = await contest({
        ...common,
        ways: {
          'RocksDB alone, scanned': async () => expectEqual('entries', await scanned(database), count),
          restored: async () => {
            const found = storeOf()
            for await (const entries of database.scan('keys')) {
              for (const { key, value } of entries) found.load(key, value)
            }
            expectEqual('keys restored', found.size, count)
            expectEqual('the last value', found.get(keys.at(-1)!)?.value.compare(value), 0)
          },
        },
      })
      await database.close()
      return [...committed, ...restored]
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
})

function storeOf(): KeyValueStore<string, Buffer> {
  return new KeyValueStore({ name: 'keys', key: string, value: bytes })
}

async function putAndCommit(
  database: TaskStore,
  keys: readonly string[],
  value: Buffer,
  perCommit: number,
): Promise<void> {
  const resident = storeOf()
  for (const [i, key] of keys.entries()) {
    resident.put(key, value, 1_700_000_000_000 + i)
    if ((i + 1) % perCommit !== 0 && i + 1 < keys.length) continue
    const changes = new Map([['keys', resident.takeChanges()]])
    await database.write(changes, { identities: {}, layouts: {}, positions: { keys: i + 1 } })
  }
}

/** The same bytes in batches of the same size, with nothing made of them. */
async function rocksdbAlone(
  location: string,
  keys: readonly string[],
  value: Buffer,
  perCommit: number,
): Promise<void> {
  const database = new RocksDB(location)
  await answered(done => database.open({ createIfMissing: true }, done))
  const stored = Buffer.concat([Buffer.alloc(8), value])
  const named = keys.map(key => Buffer.from(`-keys${key}`))
  for (let at = 0; at < named.length; at += perCommit) {
    const batch = database.batch()
    for (const key of named.slice(at, at + perCommit)) batch.put(key, stored)
    await answered(done => batch.write(done))
  }
  await answered(done => database.close(done))
}

async function answered(call: (done: (error?: Error | null) => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => call(error => (error ? reject(error) : resolve())))
}

async function scanned(database: TaskStore): Promise<number> {
  let count = 0
  for await (const entries of database.scan('keys')) count += entries.length
  return count
}
