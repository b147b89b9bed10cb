/** What the tests of resident stores share: a changelog that is compacted as it is written, and stores filled from it. */
import { expect } from 'vitest'
import type { Coder } from './coder.ts'
import type { LocatedChange, StoreChange } from './store.ts'

export const text: Coder<string> = {
  name: 'string',
  serialize: value => Buffer.from(value, 'utf8'),
  deserialize: bytes => bytes.toString('utf8'),
}

/**
 * Keys that sort otherwise as UTF-16, as numbers of bytes, or when a time follows the key without its length.
 * In the order of their bytes.
 */
export const keys = ['', '\0', 'a', 'a\0', 'ab', 'b', 'é', '\uffff', '\u{10000}'] as const

interface ResidentStore {
  takeChanges(): StoreChange[]
  load(key: Buffer, value: Buffer): void
  loaded?(): void
}

/** Only the last entry of each key is kept, as after compaction. */
export class Changelog {
  readonly #entries = new Map<string, Buffer>()
  /** All that was written, as before compaction. */
  readonly #written: StoreChange[] = []

  take(store: ResidentStore): void {
    const changes = store.takeChanges()
    this.#written.push(...changes)
    const ids = changes.map(({ key }) => key.toString('hex'))
    expect(new Set(ids).size).toBe(ids.length)
    for (const [i, { value }] of changes.entries()) {
      if (value === null) expect(this.#entries.delete(ids[i]!)).toBe(true)
      else this.#entries.set(ids[i]!, value)
    }
    expect(store.takeChanges()).toEqual([])
  }

  /** Fills a new store, and sees that nothing of it counts as changed. */
  restore<S extends ResidentStore>(store: S): S {
    for (const [id, value] of [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1)))
      store.load(Buffer.from(id, 'hex'), Buffer.from(value))
    store.loaded?.()
    expect(store.takeChanges()).toEqual([])
    return store
  }

  /** The same from all that was ever written, in its order. */
  replay<S extends ResidentStore & { apply(change: LocatedChange): void }>(store: S): S {
    for (const change of this.#written) store.apply(among(change))
    store.loaded?.()
    expect(store.takeChanges()).toEqual([])
    return store
  }

  get size(): number {
    return this.#entries.size
  }
}

/** A change that lies behind a byte, and before another. */
function among({ key, value }: StoreChange): LocatedChange {
  const bytes = Buffer.concat([Buffer.of(7), key, value ?? Buffer.alloc(0), Buffer.of(7)])
  const keyEnd = 1 + key.length
  const valueAt = value === null ? -1 : keyEnd
  return { bytes, keyAt: 1, keyEnd, valueAt, valueEnd: keyEnd + (value?.length ?? 0) }
}

/** In the order of `keys`. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/**
 * How processor time grows when the work becomes eight times as much: about 8 to 10 for n log n, 64 for n². The first
 * run only warms up.
 */
export function growth(work: (size: number) => void): number {
  const cost = (size: number): number => {
    const before = process.cpuUsage()
    work(size)
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
  cost(12_500)
  const small = Math.max(cost(12_500), cost(12_500))
  return cost(100_000) / small
}

/** Numbers below `size`, each once, in an order far from sorted; `size` has no factor 7. */
export function* shuffled(size: number): Iterable<number> {
  for (let i = 0; i < size; i++) yield (i * 7_777_777) % size
}
