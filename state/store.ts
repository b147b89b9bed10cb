/**
 * What a task keeps on disk: one database per task, in which every store of the task has its own key space, and the
 * *checkpoint* that says up to where in the changelogs these contents reach. Contents and checkpoint are written in
 * one atomic batch, after the transaction that they belong to has committed; so the database is never ahead of the
 * log and can always be brought up to date by reading the changelogs beyond the checkpoint.
 *
 * Values are bytes. The stores that operators use keep their hot state in typed memory and turn it into changes
 * once per commit; the same changes go to the changelog topic.
 */

/** One key's new value; null deletes it. */
export interface StoreChange {
  readonly key: Buffer
  readonly value: Buffer | null
}

/**
 * A change where it lies among others, key and value from their first byte to before their end; at -1 if it is null. Millions are
 * read at a restore, and views of each one's key and value would take a good part of its time.
 */
export interface LocatedChange {
  readonly bytes: Buffer
  readonly keyAt: number
  readonly keyEnd: number
  readonly valueAt: number
  readonly valueEnd: number
}

export interface Checkpoint {
  /** Identity of each store's changelog topic, by store: another one means another log, whose state this is not. */
  readonly identities: Readonly<Record<string, string>>
  /** The layouts that each store's values may have, the oldest first, by store; a value says by number which. */
  readonly layouts: Readonly<Record<string, readonly string[]>>
  /** Per store: the changelog position that the contents reflect (offset of the next change to apply). */
  readonly positions: Readonly<Record<string, number>>
  /** By input topic, the position of the task that the contents reflect; absent from what older versions wrote. */
  readonly inputs?: Readonly<Record<string, number>>
}

export interface StoreRange {
  /** Inclusive lower bound, by unsigned byte order; from the first key if absent. */
  readonly from?: Buffer
  /** Exclusive upper bound; to the last key if absent. */
  readonly to?: Buffer
}

/** A task's database. All keys belong to a store, named by its first argument. */
export interface TaskStore {
  /** As of the last `write`; undefined for a new database. */
  readonly checkpoint: Checkpoint | undefined
  get(store: string, key: Buffer): Promise<Buffer | undefined>
  /** In the order of `keys`. */
  getMany(store: string, keys: readonly Buffer[]): Promise<(Buffer | undefined)[]>
  /** Chunks of entries in unsigned byte order of their keys, as of the call. */
  scan(
    store: string,
    range?: StoreRange,
  ): AsyncIterable<readonly { readonly key: Buffer; readonly value: Buffer }[]>
  /** Applies the changes and replaces the checkpoint, all or nothing (also across kill -9). */
  write(changes: ReadonlyMap<string, readonly StoreChange[]>, checkpoint: Checkpoint): Promise<void>
  /** Removes what a store has, and leaves the checkpoint; or everything, the checkpoint too. */
  clear(store?: string): Promise<void>
  close(): Promise<void>
}

/** Why a database is not used: it cannot be read, belongs to another log, or is ahead of its log. */
export type SetAside = 'corrupt' | 'foreign' | 'future'

/** Where tasks keep their databases: RocksDB below a directory, or memory. */
export interface StateBackend {
  /** For people: `rocksdb DIR` or `memory`. */
  readonly description: string
  /**
   * Opens or creates the task's database. A database that cannot be read is set aside (renamed, and `onSetAside`
   * called with the reason) and a new one is created in its place.
   * @throws StateError STATE_LOCKED when another process holds it
   */
  open(task: string, onSetAside?: (reason: string) => void): Promise<TaskStore>
  /**
   * Takes a task's database, which must be closed, out of the way, so that a new one is created in its place; on disk it
   * is kept for people to look into.
   */
  setAside(task: string, why: SetAside): Promise<void>
  /** The tasks that have a database here. */
  list(): Promise<readonly string[]>
  /** Deletes a task's database, which must be closed. */
  destroy(task: string): Promise<void>
}
