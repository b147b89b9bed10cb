/**
 * The process that `rocksdb.app.test.ts` kills, or runs out of disk: writes numbered batches for ever, the database's
 * contents being a function of the number of the last one, and says on standard output which are acknowledged.
 */
import { fileURLToPath } from 'node:url'
import { rocksdbBackend } from './rocksdb.ts'
import type { StoreChange } from './store.ts'

/** Batch n sets the keys that divide n; where 3 divides it too, it deletes them, all but key 1. */
export function batch(number: number): StoreChange[] {
  const changes: StoreChange[] = []
  for (let key = 1; key <= 50; key++) {
    if (number % key !== 0) continue
    const value = number % 3 === 0 && key > 1 ? null : Buffer.from(`${number} `.repeat(50))
    changes.push({ key: Buffer.from(String(key)), value })
  }
  return changes
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const store = await rocksdbBackend(process.argv[2]!).open('0_0')
  let number = store.checkpoint?.positions.counts ?? 0
  try {
    while (true) {
      number++
      await store.write(new Map([['counts', batch(number)]]), {
        identities: {},
        layouts: {},
        positions: { counts: number },
      })
      process.stdout.write(`${number}\n`)
    }
  } catch (error) {
    process.stdout.write(`${error instanceof Error && 'code' in error ? error.code : error}\n`)
  }
}
