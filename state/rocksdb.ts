import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import RocksDB, { type Callback, type Iterator } from 'rocksdb'
import { z } from 'zod'
import { StateError } from './errors.ts'
import type { Checkpoint, SetAside, StateBackend, StoreChange, StoreRange, TaskStore } from './store.ts'
import { recordTables, verifyTables } from './table-files.ts'

/** Databases of one task that are kept after they were set aside, for people to look into. */
const SET_ASIDE_KEPT = 2
/** Bytes that a scan reads ahead; the package ends a chunk at 1000 entries as well. */
const READ_AHEAD = 1 << 20
/** Bytes written until they become a table file. Small ones are merged again and again while much is written, as in a restore. */
const MEMTABLE = 16 << 20
/** In a database's directory: a read has found it corrupt, so that it is not to be opened again. */
const CORRUPT_MARKER = 'CORRUPT'

/**
 * One RocksDB database per task in a directory of its own below `directory`, which is made when needed.
 *
 * Keys: the checkpoint's is the byte 0; an entry's is the byte 1, the length of the store's name (2 bytes big-endian),
 * the name in UTF-8, the entry's key. So stores do not overlap whatever their names are, and the checkpoint comes
 * first: it is the first that `clear` removes, and a database without a checkpoint counts as empty.
 */
export function rocksdbBackend(directory: string): StateBackend {
  return {
    description: `rocksdb ${directory}`,

    async open(task, onSetAside) {
      const location = join(directory, nameOf(task))
      await onDisk(() => mkdir(directory, { recursive: true }))
      try {
        return await openStore(task, location)
      } catch (error) {
        if (!(error instanceof StateError) || error.code !== 'STATE_CORRUPT') throw error
        await setAside(directory, nameOf(task), 'corrupt')
        onSetAside?.(error.message)
        return await openStore(task, location)
      }
    },

    async setAside(task, why) {
      await setAside(directory, nameOf(task), why)
    },

    async list() {
      return (await directoriesIn(directory))
        .filter(name => !name.includes('.'))
        .map(decodeURIComponent)
        .sort()
    },

    async destroy(task) {
      const name = nameOf(task)
      const location = join(directory, name)
      // RocksDB's own removal comes first, because it refuses what is open.
      if (existsSync(location)) await answered(task, done => RocksDB.destroy(location, done))
      for (const found of await directoriesIn(directory)) {
        if (found === name || isSetAside(found, name)) {
          await onDisk(() => rm(join(directory, found), { recursive: true, force: true }))
        }
      }
    },
  }
}

async function openStore(task: string, location: string): Promise<TaskStore> {
  const database = new RocksDB(location)
  try {
    await onDisk(() => verifyTables(location))
  } catch (error) {
    // Nobody else's database may be set aside. This open always fails, but it asks for the lock first, and reads no table.
    const answer = answered(task, done =>
      database.open({ createIfMissing: false, errorIfExists: true }, done),
    )
    await answer.catch(refusal => {
      if (refusal.code === 'STATE_LOCKED') throw refusal
    })
    throw error
  }
  await answered(task, done => database.open({ createIfMissing: true, writeBufferSize: MEMTABLE }, done))
  try {
    if (existsSync(join(location, CORRUPT_MARKER))) {
      throw new StateError(
        'STATE_CORRUPT',
        `the state of task ${task} was found corrupt when it was last read`,
      )
    }
    await onDisk(() => recordTables(location))
    const [bytes] = await answered<(Buffer | undefined)[]>(task, done =>
      database.getMany([CHECKPOINT_KEY], done),
    )
    if (bytes === undefined) await answered(task, done => database.clear(done))
    return new RocksStore(task, location, database, bytes && parseCheckpoint(task, bytes))
  } catch (error) {
    await answered(task, done => database.close(done))
    throw error
  }
}

class RocksStore implements TaskStore {
  readonly #task: string
  readonly #location: string
  #database: RocksDB | undefined
  #checkpoint: Checkpoint | undefined
  /** The writes under way. The package runs calls on a pool of threads, which keeps no order among them. */
  #writing: Promise<void> = Promise.resolve()
  /** The bookkeeping of table files under way, and their size when it began. */
  #recording: Promise<void> | undefined
  #recordedSize = ''

  constructor(task: string, location: string, database: RocksDB, checkpoint: Checkpoint | undefined) {
    this.#task = task
    this.#location = location
    this.#database = database
    this.#checkpoint = checkpoint
  }

  get checkpoint(): Checkpoint | undefined {
    this.#opened()
    return this.#checkpoint
  }

  async get(store: string, key: Buffer): Promise<Buffer | undefined> {
    return (await this.getMany(store, [key]))[0]
  }

  async getMany(store: string, keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    if (keys.length === 0) return []
    const prefix = prefixOf(store)
    const prefixed = keys.map(key => Buffer.concat([prefix, key]))
    return await this.#call(database => done => database.getMany(prefixed, done))
  }

  scan(store: string, range: StoreRange = {}): ReturnType<TaskStore['scan']> {
    const prefix = prefixOf(store)
    const all = keysOf(prefix)
    const iterator = this.#opened().iterator({
      gte: range.from === undefined ? all.gte : Buffer.concat([prefix, range.from]),
      lt: range.to === undefined ? all.lt : Buffer.concat([prefix, range.to]),
      highWaterMark: READ_AHEAD,
    })
    return this.#chunks(iterator, prefix.length)
  }

  async write(changes: ReadonlyMap<string, readonly StoreChange[]>, checkpoint: Checkpoint): Promise<void> {
    await this.#inOrder(async () => {
      // Call by call: an array of operations takes twice the time, which goes into asking each for its parts.
      const batch = this.#opened().batch()
      for (const [store, entries] of changes) {
        const prefix = prefixOf(store)
        // The call copies: keys of the same length need one buffer.
        let prefixed = prefix
        for (const { key, value } of entries) {
          if (prefixed.length !== prefix.length + key.length) {
            prefixed = Buffer.allocUnsafe(prefix.length + key.length)
            prefixed.set(prefix)
          }
          prefixed.set(key, prefix.length)
          if (value === null) batch.del(prefixed)
          else batch.put(prefixed, value)
        }
      }
      batch.put(CHECKPOINT_KEY, Buffer.from(JSON.stringify(checkpoint)))
      await this.#call(() => done => batch.write(done))
      this.#checkpoint = structuredClone(checkpoint)
    })
    this.#recordNewTables()
  }

  async clear(store?: string): Promise<void> {
    await this.#inOrder(async () => {
      if (store !== undefined) {
        await this.#call(database => done => database.clear(keysOf(prefixOf(store)), done))
        return
      }
      await this.#call(database => done => database.clear(done))
      this.#checkpoint = undefined
    })
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#recording
    const database = this.#database
    this.#database = undefined
    if (database !== undefined) await answered(this.#task, done => database.close(done))
  }

  async *#chunks(iterator: Iterator, prefixLength: number): AsyncGenerator<readonly Entry[]> {
    try {
      while (true) {
        const entries = await this.#call<Entry[]>(() => done => nextEntries(iterator, prefixLength, done))
        if (entries.length === 0) return
        yield entries
      }
    } finally {
      await new Promise<void>(resolve => iterator.end(() => resolve()))
    }
  }

  /** Beside the writes, when their memtable has become a table file; at worst one is not recorded before a crash. */
  #recordNewTables(): void {
    const size = this.#database?.getProperty('rocksdb.total-sst-files-size') ?? this.#recordedSize
    if (this.#recording !== undefined || size === this.#recordedSize) return
    this.#recordedSize = size
    this.#recording = recordTables(this.#location)
      .catch(() => {}) // a full disk shows in the next write
      .finally(() => {
        this.#recording = undefined
      })
  }

  async #inOrder(step: () => Promise<void>): Promise<void> {
    this.#opened()
    const done = this.#writing.then(step)
    this.#writing = done.catch(() => {})
    await done
  }

  /** One call of the package. Corruption that it meets is marked, so that the next `open` sets the database aside. */
  async #call<T>(start: (database: RocksDB) => (done: Callback<T>) => void): Promise<T> {
    const database = this.#opened()
    try {
      return await answered(this.#task, start(database))
    } catch (error) {
      if (error instanceof StateError && error.code === 'STATE_CORRUPT') {
        await writeFile(join(this.#location, CORRUPT_MARKER), error.message).catch(() => {})
      }
      throw error
    }
  }

  /** The package crashes the process when it is called on a closed database. */
  #opened(): RocksDB {
    if (this.#database === undefined) {
      throw new StateError('STATE_MISUSED', `the state of task ${this.#task} is closed`)
    }
    return this.#database
  }
}

type Entry = { readonly key: Buffer; readonly value: Buffer }

/**
 * The next entries; none at the end. The package fetches many at once, hands them out one by one on a tick each, and
 * keeps the rest in `cache`, last first: they are taken from there, or half of a restore would go into ticks.
 */
function nextEntries(iterator: Iterator, prefixLength: number, done: Callback<Entry[]>): void {
  const entries: Entry[] = []
  iterator.next((error, key, value) => {
    if (error !== null && error !== undefined) return done(error, entries)
    if (key === undefined || value === undefined) return done(null, entries)
    entries.push({ key: key.subarray(prefixLength), value })
    const rest = iterator.cache ?? []
    while (rest.length > 1) {
      const nextKey = rest.pop()!
      entries.push({ key: nextKey.subarray(prefixLength), value: rest.pop()! })
    }
    done(null, entries)
  })
}

const CHECKPOINT_KEY = Buffer.of(0)

function prefixOf(store: string): Buffer {
  const name = Buffer.from(store, 'utf8')
  if (name.length === 0 || name.length > 0xffff)
    throw new StateError('STATE_MISUSED', `"${store}" is no name of a store`)
  const prefix = Buffer.alloc(3 + name.length)
  prefix[0] = 1
  prefix.writeUInt16BE(name.length, 1)
  name.copy(prefix, 3)
  return prefix
}

/** All keys of a store. */
function keysOf(prefix: Buffer): { readonly gte: Buffer; readonly lt: Buffer } {
  // A name's UTF-8 holds no byte 255, so the last byte can be raised without a carry.
  const beyond = Buffer.from(prefix)
  beyond[beyond.length - 1]! += 1
  return { gte: prefix, lt: beyond }
}

const offsets = z.record(z.string(), z.int().nonnegative())
const checkpointShape = z.object({
  identities: z.record(z.string(), z.string()),
  layouts: z.record(z.string(), z.array(z.string())),
  positions: offsets,
  inputs: offsets.optional(),
})

/** @throws StateError STATE_CORRUPT */
export function parseCheckpoint(task: string, bytes: Buffer): Checkpoint {
  try {
    return checkpointShape.parse(JSON.parse(bytes.toString('utf8')))
  } catch (cause) {
    throw new StateError('STATE_CORRUPT', `the checkpoint of task ${task} cannot be read`, { cause })
  }
}

/** A directory name for the task: what is not a letter, digit, "_" or "-" is percent-encoded, the dot as well. */
function nameOf(task: string): string {
  const name = encodeURIComponent(task).replace(
    /[.!'()*~]/g,
    sign => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  if (name.length === 0 || name.length > 200) {
    throw new StateError('STATE_MISUSED', `"${task}" is no name of a task: it must have 1 to 200 bytes`)
  }
  return name
}

/** Renames the task's directory to NAME.WHY-N, N rising, and removes all but the newest of those. */
async function setAside(directory: string, name: string, why: SetAside): Promise<void> {
  const earlier = (await directoriesIn(directory))
    .filter(found => isSetAside(found, name))
    .sort((a, b) => numberOf(a) - numberOf(b))
  const number = numberOf(earlier.at(-1) ?? '-0') + 1
  await onDisk(() => rename(join(directory, name), join(directory, `${name}.${why}-${number}`)))
  for (const old of earlier.slice(0, Math.max(0, earlier.length + 1 - SET_ASIDE_KEPT))) {
    await onDisk(() => rm(join(directory, old), { recursive: true, force: true }))
  }
}

function isSetAside(found: string, name: string): boolean {
  return found.startsWith(`${name}.`) && /^(corrupt|foreign|future)-\d+$/.test(found.slice(name.length + 1))
}

function numberOf(setAside: string): number {
  return Number(setAside.slice(setAside.lastIndexOf('-') + 1))
}

async function directoriesIn(directory: string): Promise<string[]> {
  if (!existsSync(directory)) return []
  const entries = await onDisk(() => readdir(directory, { withFileTypes: true }))
  return entries.filter(entry => entry.isDirectory()).map(entry => entry.name)
}

async function onDisk<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (cause) {
    if (cause instanceof StateError) throw cause
    throw new StateError('STATE_DISK', String(cause), { cause })
  }
}

/** A call of the package as a promise, its error as one of ours. */
function answered<T>(task: string, start: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((cause, value) => {
      if (cause === null || cause === undefined) resolve(value)
      else reject(new StateError(codeOf(cause.message), `task ${task}: ${cause.message}`, { cause }))
    })
  })
}

/** RocksDB's status is known by its text alone; the package passes no code on. */
function codeOf(message: string): StateError['code'] {
  if (/\bLOCK: (Resource temporarily unavailable|No locks available)/.test(message)) return 'STATE_LOCKED'
  // A file that the manifest names and that is not there is damage, not a refusal of the disk.
  if (/^Corruption|^NotFound|^Invalid argument|No such file or directory/.test(message))
    return 'STATE_CORRUPT'
  return 'STATE_DISK'
}
