/**
 * Applies a task's changelogs to its database: those of all its stores through one reader, in one pass, in
 * batches, each written with the positions it reaches. So whoever stops in the middle goes on from there. A store of which the
 * database has nothing is filled instead, where it can be, and the database later, beside the task's work (state/fill.ts).
 *
 * A running task's database is brought to the end of its changelogs once, before the task starts (restore.ts); a standby's
 * is kept there (standby.ts).
 */
import type { Checkpoint, LocatedChange, StoreChange, TaskStore } from '../state/store.ts'
import { checkHeader } from './layouts.ts'
import type { CommittedOffset, Log, Reader } from './log/log.ts'
import { type RecordBatch, RecordCursor } from './log/record-batch.ts'
import type { TaskStateStore } from './operators/context.ts'
import { changelogTopic } from './plan.ts'
import { further, type Reflected, reflectedIn } from './reflected.ts'
import { readyOf } from './serde.ts'
import type { Timers } from './timers.ts'

/** Entries after which they are written. Many more at a time would outlive several collections of garbage. */
const WRITE_SIZE = 2_000
/** Offsets that are read again from the beginning if their restore is cut short: what takes seconds. */
const UNWRITTEN = 2_000_000
const NOTHING = Buffer.alloc(0)
/** Milliseconds between two reports of progress. */
const REPORT_INTERVAL = 1000

/** What is being restored: a store's changelog, from where it is read and to where. */
export interface RestoreRange {
  readonly task: string
  readonly store: string
  readonly topic: string
  readonly partition: number
  /** Offsets of the first record wanted, and behind the last. */
  readonly start: number
  readonly end: number
}

/**
 * How a restore goes: Kafka Streams' StateRestoreListener as one call. A store that lacks nothing begins and ends at once; one
 * whose task was taken away, or failed, in the middle is suspended instead of ended.
 */
export interface RestoreEvent extends RestoreRange {
  readonly type: 'start' | 'progress' | 'end' | 'suspended'
  /** Read so far. */
  readonly records: number
  readonly bytes: number
  /** Offsets not read yet; records at most. */
  readonly left: number
  /** Milliseconds since the start. */
  readonly elapsed: number
}

export interface ChangelogReaderOptions {
  readonly log: Log
  readonly applicationId: string
  readonly clientId: string
  readonly timers: Timers
  readonly task: string
  readonly partition: number
  readonly stores: readonly TaskStateStore[]
  readonly database: TaskStore
  /** What the database holds. */
  readonly checkpoint: Checkpoint
  /** Whether stores of which the database has nothing are filled from the changelog at once, as far as they can be. */
  readonly fill?: boolean
  readonly onRestore?: ((event: RestoreEvent) => void) | undefined
}

/** One store's changelog. */
interface Changelog {
  readonly store: TaskStateStore
  readonly topic: string
  position: number
  /** As far as is known. */
  end: number
  /** Read, not written yet. */
  changes: StoreChange[]
  /** Of a restore under way. */
  range: RestoreRange
  records: number
  bytes: number
  /** No restore is under way. */
  done: boolean
  /** The store itself has all that was read, so that it need not be loaded from the database. */
  filled: boolean
  /** What is read is written to the database; else that has nothing, and the store is filled. */
  written: boolean
}

export class ChangelogReader {
  readonly #options: ChangelogReaderOptions
  readonly #changelogs: readonly Changelog[]
  readonly #cursor = new RecordCursor()
  #reader: Reader | undefined
  #checkpoint: Checkpoint
  #reflected: Reflected
  #pending = 0
  #startedAt = 0
  #reportedAt = 0
  /** Read since it was made. */
  records = 0

  constructor(options: ChangelogReaderOptions) {
    this.#options = options
    this.#checkpoint = options.checkpoint
    this.#reflected = options.checkpoint.inputs ?? {}
    const stores = options.stores.filter(store => store.changelog === undefined)
    this.#changelogs = stores.map(store => {
      const topic = changelogTopic(options.applicationId, store.name)
      const position = options.checkpoint.positions[store.name] ?? 0
      const range = {
        task: options.task,
        store: store.name,
        topic,
        partition: options.partition,
        start: position,
        end: 0,
      }
      const filled = options.fill === true && position === 0 && store.apply !== undefined
      const still = { records: 0, bytes: 0, done: true }
      return { store, topic, position, end: 0, changes: [], range, ...still, filled, written: true }
    })
  }

  get database(): TaskStore {
    return this.#options.database
  }

  /** What the database holds now, and the stores that were filled. */
  get checkpoint(): Checkpoint {
    const ahead = this.#changelogs.filter(each => !each.written)
    const positions = Object.fromEntries(ahead.map(({ store, position }) => [store.name, position]))
    return {
      ...this.#checkpoint,
      positions: { ...this.#checkpoint.positions, ...positions },
      inputs: this.#reflected,
    }
  }

  /** Whether the store has its contents already. */
  isFilled(store: TaskStateStore): boolean {
    return this.#changelogs.some(each => each.store === store && each.filled)
  }

  /** The stores of which the database has nothing, as they have it themselves. */
  get unwritten(): readonly TaskStateStore[] {
    return this.#changelogs.filter(each => !each.written).map(({ store }) => store)
  }

  /** Offsets between what was read and the ends, as they were when they were last asked for. */
  get lag(): number {
    return this.#changelogs.reduce((sum, { position, end }) => sum + Math.max(0, end - position), 0)
  }

  /** Asks where the changelogs end, and begin: what was compacted or deleted cannot be read. */
  async findEnds(): Promise<void> {
    for (const changelog of this.#changelogs) {
      const bounds = await this.#options.log.admin.offsets(changelog.topic)
      const found = bounds.find(each => each.partition === this.#options.partition)
      changelog.end = found?.end ?? 0
      if (changelog.position < (found?.start ?? 0)) {
        changelog.position = found?.start ?? 0
        const { topic, position } = changelog
        this.#reader?.seek({ topic, partition: this.#options.partition }, position)
      }
    }
  }

  /**
   * Reads up to what is now the end of each changelog. False when it stopped because `wanted` turned false.
   * @throws TickerError STATE_TOO_NEW, STATE_INCOMPATIBLE, or what the log or the disk throws
   */
  async catchUp(pollWait: number, wanted: () => boolean): Promise<boolean> {
    await this.findEnds()
    this.#begin()
    while (this.lag > 0) {
      if (!wanted()) return false
      for (const batch of await (await this.#open()).poll(pollWait)) {
        if (!this.take(batch)) break
        if (this.#pending >= WRITE_SIZE) await this.flush()
      }
      await this.flush()
    }
    await this.flush()
    return wanted()
  }

  async close(): Promise<void> {
    await this.#reader?.close()
    this.#reader = undefined
    for (const changelog of this.#changelogs) {
      if (!changelog.done) this.#tell('suspended', changelog)
      changelog.done = true
    }
  }

  async #open(): Promise<Reader> {
    if (this.#reader !== undefined) return this.#reader
    const { log, clientId } = this.#options
    const reader = await log.reader({ clientId })
    for (const { position, ...tp } of this.positions) reader.seek(tp, position)
    this.#reader = reader
    return reader
  }

  /** Where each changelog is to be read from. */
  get positions(): readonly CommittedOffset[] {
    const { partition } = this.#options
    return this.#changelogs.map(({ topic, position }) => ({ topic, partition, position }))
  }

  /**
   * Takes in a batch of one of the changelogs; those of others are none of its business. It is written with the next `flush`,
   * which is to come before the next poll: until then all of what was fetched is kept for it. False where a store cannot be
   * filled: whatever else was fetched is fetched again.
   * @throws TickerError STATE_TOO_NEW, STATE_INCOMPATIBLE
   */
  take(batch: RecordBatch): boolean {
    const changelog = this.#changelogs.find(({ topic }) => topic === batch.topic)
    if (changelog === undefined || batch.lastOffset < changelog.position) return true
    const cursor = this.#cursor.reset(batch, changelog.position)
    while (cursor.next()) {
      if (cursor.hasHeaders()) {
        const headers = cursor.headers()
        checkHeader(changelog.store, headers, this.#options.task)
        this.#reflected = further(this.#reflected, reflectedIn(headers) ?? {})
      }
      if (changelog.written) changelog.changes.push({ key: cursor.key ?? NOTHING, value: cursor.value })
      if (changelog.filled && !fill(changelog.store, cursor)) {
        changelog.filled = false
        if (!changelog.written) {
          this.#writeInstead(changelog)
          return false
        }
      }
      changelog.records++
      changelog.bytes += cursor.size
      this.#pending++
      this.records++
    }
    changelog.position = batch.lastOffset + 1
    changelog.end = Math.max(changelog.end, changelog.position)
    return true
  }

  /** Reads into the database, from the beginning, what the store cannot be filled with. */
  #writeInstead(changelog: Changelog): void {
    changelog.written = true
    changelog.position = changelog.range.start
    changelog.records = 0
    changelog.bytes = 0
    for (const { position, ...tp } of this.positions) this.#reader?.seek(tp, position)
  }

  /** Writes what was taken in, with the positions that it reaches. */
  async flush(): Promise<void> {
    const positions = { ...this.#checkpoint.positions }
    let moved = false
    for (const { store, position, written } of this.#changelogs) {
      if (!written) continue
      moved ||= positions[store.name] !== position
      positions[store.name] = position
    }
    if (moved) {
      const changes = new Map(this.#changelogs.map(each => [each.store.name, each.changes]))
      for (const changelog of this.#changelogs) changelog.changes = []
      this.#pending = 0
      const checkpoint = { ...this.#checkpoint, positions, inputs: this.#reflected }
      await this.#options.database.write(changes, checkpoint)
      this.#checkpoint = checkpoint
    }
    this.#report()
  }

  #begin(): void {
    this.#startedAt = this.#options.timers.now()
    this.#reportedAt = this.#startedAt
    for (const changelog of this.#changelogs) {
      const { position, end, filled } = changelog
      changelog.range = { ...changelog.range, start: position, end }
      changelog.written = !filled || end - position > UNWRITTEN
      changelog.records = 0
      changelog.bytes = 0
      changelog.done = false
      this.#tell('start', changelog)
    }
  }

  #report(): void {
    const now = this.#options.timers.now()
    const isDue = now - this.#reportedAt >= REPORT_INTERVAL
    if (isDue) this.#reportedAt = now
    for (const changelog of this.#changelogs) {
      const isOver = changelog.position >= changelog.range.end
      if (changelog.done || (!isOver && !isDue)) continue
      changelog.done = isOver
      this.#tell(isOver ? 'end' : 'progress', changelog)
    }
  }

  #tell(type: RestoreEvent['type'], { range, records, bytes, position }: Changelog): void {
    const { timers, onRestore } = this.#options
    const left = Math.max(0, range.end - position)
    onRestore?.({ ...range, type, records, bytes, left, elapsed: timers.now() - this.#startedAt })
  }
}

/** False where it cannot be decoded. That may be replaced or deleted further on: only what a database is left with counts. */
function fill(store: TaskStateStore, change: LocatedChange): boolean {
  try {
    store.apply?.(change)
    return true
  } catch (error) {
    // Who loads the database asks again, and is told if it fails; a promise that nobody hears would end the process.
    readyOf(error)?.catch(() => {})
    return false
  }
}
