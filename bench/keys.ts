/** Millions of keys in one store: put, get, range, commit, restore, beside a map of the same and the database alone. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Coder, KeyValueStore, rocksdbBackend, type TaskStore } from '../state/index.ts'
import { long, string } from '../topology/index.ts'
import { benchmark, contest, expectEqual, type Figure } from './benchmark.ts'

const PER_COMMIT = 100_000
/** Keys read by one range. */
const RANGE = 100
const TIME = 1_700_000_000_000

export const keys = benchmark({
  name: 'keys',
  summary: 'millions of keys in one store: put, get, range, restore, beside a map and the database alone',
  sizes: {
    keys: { of: 5_000_000, what: 'in the store, each with a number' },
    reads: { of: 1_000_000, what: 'gets, and keys read by ranges' },
  },
  async run(size): Promise<Figure[]> {
    const directory = mkdtempSync(join(tmpdir(), 'tickerwatch-keys-'))
    const [count, reads] = [size('keys'), size('reads')]
    const once = (of: string, howMany: number, ways: Record<string, () => unknown>) =>
      contest({ count: howMany, of, rounds: 1, ways })
    const map = new Map<string, number>()
    let store = storeOf()
    try {
      const database = await rocksdbBackend(directory).open('keys')
      const before = process.memoryUsage().rss
      const put = await once('keys', count, {
        'put into a map': () => {
          for (let i = 0; i < count; i++) map.set(keyOf(i), i)
        },
        'put into the store, and committed': () => putAndCommit(store, database, count),
      })
      const resident = process.memoryUsage().rss - before
      const get = await once('gets', reads, {
        'get from the map': () => sumOf(reads, count, key => map.get(key)!),
        'get from the store': () => sumOf(reads, count, key => store.get(key)!.value),
      })
      const sorted = Array.from({ length: count }, (_, i) => keyOf(i)).sort()
      const since = performance.now()
      for (const { key } of store.entries({ to: sorted[0]! })) expectEqual('the least key', key, sorted[0])
      const first = {
        what: 'first range, which sorts the keys',
        unit: 'ms',
        value: performance.now() - since,
      }
      const range = await once('keys', reads, {
        'ranges of a sorted array': () =>
          rangesOf(reads, count, from => sorted.slice(from, from + RANGE).length),
        'ranges of the store': () =>
          rangesOf(reads, count, from => {
            let read = 0
            const to = Math.min(from + RANGE, count) - 1
            for (const _ of store.entries({ from: sorted[from]!, to: sorted[to]! })) read++
            return read
          }),
      })
      map.clear()
      store = storeOf()
      const restored = await once('keys', count, {
        'the database scanned': async () => {
          let entries = 0
          for await (const chunk of database.scan('keys')) entries += chunk.length
          expectEqual('entries', entries, count)
        },
        'restored from the database': async () => {
          for await (const chunk of database.scan('keys')) {
            for (const { key, value } of chunk) store.load(key, value)
          }
          expectEqual('keys restored', store.size, count)
          expectEqual('the value of the last key', store.get(keyOf(count - 1))?.value, count - 1)
        },
      })
      await database.close()
      const memory = { what: 'memory, of map and store', unit: 'bytes/key', value: resident / count }
      return [...put, ...get, first, ...range, ...restored, memory]
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
})

function storeOf(): KeyValueStore<string, number> {
  const value: Coder<number> = long
  return new KeyValueStore({ name: 'keys', key: string, value })
}

function keyOf(index: number): string {
  return `device-${String(index).padStart(9, '0')}`
}

async function putAndCommit(
  store: KeyValueStore<string, number>,
  database: TaskStore,
  count: number,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    store.put(keyOf(i), i, TIME)
    if ((i + 1) % PER_COMMIT !== 0 && i + 1 < count) continue
    const changes = new Map([['keys', store.takeChanges()]])
    await database.write(changes, { identities: {}, layouts: {}, positions: { keys: i + 1 } })
  }
}

/** All over the keys, in no order. */
function sumOf(reads: number, count: number, get: (key: string) => number): void {
  let [sum, expected] = [0, 0]
  for (let i = 0; i < reads; i++) {
    const index = (i * 7_919) % count
    sum += get(keyOf(index))
    expected += index
  }
  expectEqual('the sum of what was got', sum, expected)
}

function rangesOf(reads: number, count: number, read: (from: number) => number): void {
  let [seen, expected] = [0, 0]
  for (let i = 0; seen < reads; i++) {
    const from = (i * 7_919) % count
    seen += read(from)
    expected += Math.min(RANGE, count - from)
  }
  expectEqual('keys in ranges', seen, expected)
}
