/**
 * A node's disk: databases that outlive the process that writes them, as long as no fault says otherwise. What is written
 * is there after kill -9; what was written before, up to a few times, is kept to go back to.
 */
import { StateError } from '../../../state/errors.ts'
import type { Checkpoint, StateBackend, StoreChange, StoreRange, TaskStore } from '../../../state/store.ts'
import type { DiskAfterCrash } from './faults.ts'

/** By store, then key; keys as byte strings, whose order is that of the bytes. */
export type Entries = ReadonlyMap<string, ReadonlyMap<string, Buffer>>

/** A database as of one write; never changed, only replaced. */
export interface Contents {
  readonly entries: Entries
  readonly checkpoint: Checkpoint | undefined
}

interface Database {
  contents: Contents
  /** What it held before, the newest last. */
  older: Contents[]
  corrupt: boolean
  opened: object | undefined
}

const EMPTY: Contents = { entries: new Map(), checkpoint: undefined }
/** Versions of a database that are kept. */
const VERSIONS = 8

export class Disk {
  readonly #databases = new Map<string, Database>()

  /** What is on it, by task. */
  get contents(): ReadonlyMap<string, Contents> {
    return new Map([...this.#databases].map(([task, { contents }]) => [task, contents]))
  }

  /** The process is gone: its locks are, too. */
  release(): void {
    for (const database of this.#databases.values()) database.opened = undefined
  }

  /** What befalls it while no process has it open. */
  suffer(fate: DiskAfterCrash, random: () => number): void {
    if (fate === 'lost') this.#databases.clear()
    for (const database of this.#databases.values()) {
      if (fate === 'corrupt') database.corrupt ||= random() < 0.6
      if (fate === 'older' && database.older.length > 0) {
        const back = 1 + Math.floor(random() * database.older.length)
        database.contents = database.older.at(-back)!
        database.older = database.older.slice(0, -back)
      }
    }
  }

  /** As a process uses it. */
  get backend(): StateBackend {
    return {
      description: 'simulated disk',
      open: async (task, onSetAside) => this.#open(task, onSetAside),
      setAside: async task => {
        this.#databases.delete(task)
      },
      list: async () => [...this.#databases.keys()].sort(),
      destroy: async task => {
        if (this.#databases.get(task)?.opened !== undefined)
          throw new StateError('STATE_LOCKED', `the state of task ${task} is open`)
        this.#databases.delete(task)
      },
    }
  }

  #open(task: string, onSetAside?: (reason: string) => void): TaskStore {
    let database = this.#databases.get(task)
    if (database?.opened !== undefined)
      throw new StateError('STATE_LOCKED', `the state of task ${task} is open already`)
    if (database === undefined || database.corrupt) {
      if (database?.corrupt) onSetAside?.('a checksum is wrong')
      database = { contents: EMPTY, older: [], corrupt: false, opened: undefined }
      this.#databases.set(task, database)
    }
    return new OpenDatabase(task, database)
  }
}

class OpenDatabase implements TaskStore {
  readonly #task: string
  readonly #database: Database
  readonly #handle = {}

  constructor(task: string, database: Database) {
    this.#task = task
    this.#database = database
    database.opened = this.#handle
  }

  get checkpoint(): Checkpoint | undefined {
    return this.#opened().contents.checkpoint
  }

  async get(store: string, key: Buffer): Promise<Buffer | undefined> {
    const value = this.#opened().contents.entries.get(store)?.get(key.toString('latin1'))
    return value && Buffer.from(value)
  }

  async getMany(store: string, keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return await Promise.all(keys.map(key => this.get(store, key)))
  }

  scan(store: string, range: StoreRange = {}): ReturnType<TaskStore['scan']> {
    const from = range.from?.toString('latin1') ?? ''
    const to = range.to?.toString('latin1')
    const found = [...(this.#opened().contents.entries.get(store) ?? [])]
      .filter(([name]) => name >= from && (to === undefined || name < to))
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return inOneChunk(
      found.map(([name, value]) => ({ key: Buffer.from(name, 'latin1'), value: Buffer.from(value) })),
    )
  }

  async write(changes: ReadonlyMap<string, readonly StoreChange[]>, checkpoint: Checkpoint): Promise<void> {
    const { contents } = this.#opened()
    this.#replace({ entries: changed(contents.entries, changes), checkpoint: structuredClone(checkpoint) })
  }

  async clear(store?: string): Promise<void> {
    const { entries, checkpoint } = this.#opened().contents
    const rest = new Map([...entries].filter(([name]) => name !== store))
    this.#replace(store === undefined ? EMPTY : { entries: rest, checkpoint })
  }

  async close(): Promise<void> {
    if (this.#database.opened === this.#handle) this.#database.opened = undefined
  }

  #replace(contents: Contents): void {
    const database = this.#database
    database.older = [...database.older, database.contents].slice(-VERSIONS)
    database.contents = contents
  }

  #opened(): Database {
    if (this.#database.opened !== this.#handle)
      throw new StateError('STATE_MISUSED', `the state of task ${this.#task} is closed`)
    return this.#database
  }
}

async function* inOneChunk<T>(entries: readonly T[]): AsyncGenerator<readonly T[]> {
  if (entries.length > 0) yield entries
}

/** Other entries, with the changes applied. */
export function changed(entries: Entries, changes: ReadonlyMap<string, readonly StoreChange[]>): Entries {
  const result = new Map(entries)
  for (const [store, list] of changes) {
    const values = new Map(result.get(store))
    for (const { key, value } of list) {
      if (value === null) values.delete(key.toString('latin1'))
      else values.set(key.toString('latin1'), Buffer.from(value))
    }
    result.set(store, values)
  }
  return result
}
