import { StateError } from './errors.ts'
import type { Checkpoint, StateBackend, StoreChange, StoreRange, TaskStore } from './store.ts'

/** What a task's database holds, whether open or not. Names of keys are their bytes as latin1, whose order is that of the bytes. */
interface Contents {
  readonly stores: Map<string, Map<string, Buffer>>
  checkpoint: Checkpoint | undefined
  open: boolean
}

/** Entries per chunk of a scan. */
const CHUNK = 1000

/** Databases in this process's memory: they outlive their being closed, as those on disk do, but not the backend. */
export function memoryBackend(): StateBackend {
  const databases = new Map<string, Contents>()
  return {
    description: 'memory',
    async open(task) {
      const contents = databases.get(task) ?? { stores: new Map(), checkpoint: undefined, open: false }
      if (contents.open) throw new StateError('STATE_LOCKED', `the state of task ${task} is open already`)
      contents.open = true
      databases.set(task, contents)
      return new MemoryStore(task, contents)
    },
    async setAside(task) {
      databases.delete(task)
    },
    async list() {
      return [...databases.keys()].sort()
    },
    async destroy(task) {
      if (databases.get(task)?.open) throw new StateError('STATE_LOCKED', `the state of task ${task} is open`)
      databases.delete(task)
    },
  }
}

class MemoryStore implements TaskStore {
  readonly #task: string
  #contents: Contents | undefined

  constructor(task: string, contents: Contents) {
    this.#task = task
    this.#contents = contents
  }

  get checkpoint(): Checkpoint | undefined {
    return this.#opened().checkpoint
  }

  async get(store: string, key: Buffer): Promise<Buffer | undefined> {
    const value = this.#opened().stores.get(store)?.get(key.toString('latin1'))
    return value && Buffer.from(value)
  }

  async getMany(store: string, keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return await Promise.all(keys.map(key => this.get(store, key)))
  }

  scan(store: string, range: StoreRange = {}): ReturnType<TaskStore['scan']> {
    const from = range.from?.toString('latin1') ?? ''
    const to = range.to?.toString('latin1')
    const entries = [...(this.#opened().stores.get(store) ?? [])]
      .filter(([name]) => name >= from && (to === undefined || name < to))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => ({ key: Buffer.from(name, 'latin1'), value: Buffer.from(value) }))
    return inChunks(entries)
  }

  async write(changes: ReadonlyMap<string, readonly StoreChange[]>, checkpoint: Checkpoint): Promise<void> {
    const contents = this.#opened()
    for (const [store, entries] of changes) {
      const values = contents.stores.get(store) ?? new Map<string, Buffer>()
      contents.stores.set(store, values)
      for (const { key, value } of entries) {
        if (value === null) values.delete(key.toString('latin1'))
        else values.set(key.toString('latin1'), Buffer.from(value))
      }
    }
    contents.checkpoint = structuredClone(checkpoint)
  }

  async clear(store?: string): Promise<void> {
    const contents = this.#opened()
    if (store !== undefined) {
      contents.stores.delete(store)
      return
    }
    contents.stores.clear()
    contents.checkpoint = undefined
  }

  async close(): Promise<void> {
    if (this.#contents !== undefined) this.#contents.open = false
    this.#contents = undefined
  }

  #opened(): Contents {
    if (this.#contents === undefined)
      throw new StateError('STATE_MISUSED', `the state of task ${this.#task} is closed`)
    return this.#contents
  }
}

async function* inChunks<T>(entries: readonly T[]): AsyncGenerator<readonly T[]> {
  for (let at = 0; at < entries.length; at += CHUNK) yield entries.slice(at, at + CHUNK)
}
