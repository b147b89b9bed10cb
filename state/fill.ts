/**
 * A database that is filled while it is in use. Stores that were restored into memory are written to disk beside the task's
 * work, chunk by chunk, so that the task need not wait for the disk.
 *
 * Until a store is whole its position in the checkpoint is 0: after a crash it is restored from its changelog once more. What
 * a commit changes meanwhile is newer than what is still to be written, so those keys are left out of the chunks to come.
 */
import { byteString } from './coder.ts'
import type { Checkpoint, StoreChange, TaskStore } from './store.ts'

/** Entries in a chunk: a few milliseconds of this thread. */
const CHUNK = 2_000
/** Chunks that `close` still writes, about two seconds' worth; the rest is left to the next restore. */
const LAST_CHUNKS = 500

/**
 * @param database has nothing of the stores named in `contents`
 * @param contents by store, as of the call
 * @param checkpoint what `contents` and the database together reflect
 * @param begin when to begin; it begins at the latest when it is closed
 */
export function filledBeside(
  database: TaskStore,
  contents: ReadonlyMap<string, Iterable<StoreChange>>,
  checkpoint: Checkpoint,
  begin: Promise<void> = Promise.resolve(),
): TaskStore {
  let hurry = (): void => {}
  const hurried = new Promise<void>(resolve => {
    hurry = resolve
  })
  /** By store that is not whole: the keys that commits have changed since. */
  const newer = new Map([...contents.keys()].map(store => [store, new Set<string>()]))
  let latest = checkpoint
  let chunksLeft = Number.POSITIVE_INFINITY
  let failure: { readonly error: unknown } | undefined
  /** Writes come one after the other: whether the one before succeeded decides what the next one may say. */
  let turn: Promise<unknown> = Promise.resolve()

  const inTurn = (step: () => Promise<void>): Promise<void> => {
    const done = turn.then(step)
    turn = done.catch(() => {})
    return done
  }
  const withGaps = (reached: Checkpoint): Checkpoint => {
    const gaps = Object.fromEntries([...newer.keys()].map(store => [store, 0]))
    return { ...reached, positions: { ...reached.positions, ...gaps } }
  }
  /** The next of what is to be filled in; a commit behind it hears of its failure. */
  const add = (step: () => ReadonlyMap<string, readonly StoreChange[]>): Promise<void> =>
    inTurn(async () => {
      try {
        await database.write(step(), withGaps(latest))
      } catch (error) {
        failure = { error }
      }
    })
  const fill = async (): Promise<void> => {
    await Promise.race([begin, hurried])
    for (const [store, entries] of contents) {
      const changed = newer.get(store)!
      for (const chunk of inChunks(entries)) {
        if (failure !== undefined || chunksLeft-- <= 0) return
        await add(() => new Map([[store, chunk.filter(({ key }) => !changed.has(byteString(key)))]]))
      }
      if (failure !== undefined) return
      await add(() => {
        newer.delete(store)
        return new Map()
      })
    }
  }
  const filled = fill()
  const whole = async (): Promise<void> => {
    hurry()
    await filled
    if (failure !== undefined) throw failure.error
  }

  return {
    get checkpoint() {
      return database.checkpoint
    },
    async get(store, key) {
      await whole()
      return await database.get(store, key)
    },
    async getMany(store, keys) {
      await whole()
      return await database.getMany(store, keys)
    },
    async *scan(store, range) {
      await whole()
      yield* database.scan(store, range)
    },
    async write(changes, reached) {
      await inTurn(async () => {
        if (failure !== undefined) throw failure.error
        for (const [store, changed] of newer) {
          for (const { key } of changes.get(store) ?? []) changed.add(byteString(key))
        }
        await database.write(changes, withGaps(reached))
        latest = reached
      })
    },
    async clear(store) {
      chunksLeft = 0
      hurry()
      await filled
      await database.clear(store)
    },
    async close() {
      chunksLeft = Math.min(chunksLeft, LAST_CHUNKS)
      hurry()
      await filled
      await database.close()
    },
  }
}

function* inChunks(entries: Iterable<StoreChange>): Iterable<readonly StoreChange[]> {
  let chunk: StoreChange[] = []
  for (const entry of entries) {
    chunk.push(entry)
    if (chunk.length < CHUNK) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}
