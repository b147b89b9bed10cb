/**
 * The feature store: annotations with their windows' features as Parquet, for training. Files lie by feature schema and by
 * the day of the window, and what was written stays as it is.
 *
 *     data/features=HASH/day=2026-01-31/LOG-PARTITION-FROM-NEXT.parquet
 *     commits/LOG/PARTITION/FROM.json       {"next": …, "files": […], "rows": …}
 *
 * Exactly once: a commit names the files that hold the annotations of a partition from one offset to the next one, and it is
 * written after them, only if absent. So of two writers that have read the same offset one wins, and the other leaves out what is
 * written already; files that no commit names are as if they were not there. A file's content follows from its name and the log.
 */
import { z } from 'zod'
import { LakeError } from '../../lake/errors.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { Annotation, type AvroSerdes } from '../../schemas/index.ts'
import { windowId } from '../annotation/latest-annotations.ts'
import { TopicFollower, type TopicFollowerOptions } from '../topic-follower.ts'
import { topics } from '../topics.ts'
import { decodeSamples, encodeSamples, type StoredAnnotation } from './sample-file.ts'

/** Annotations of a partition that are written together, and milliseconds until fewer are. */
const BATCH = 1000
const FLUSH_INTERVAL = 30_000

const commitSchema = z.object({
  next: z.int().nonnegative(),
  files: z.array(z.string()),
  rows: z.int().nonnegative(),
})

export interface FeatureStoreStatus {
  /** Where to, for people. */
  readonly target: string
  /** Annotations written by this node. */
  readonly rows: number
  readonly waiting: number
  /** Why nothing is written at present. */
  readonly paused?: string
}

export interface FeatureStoreWriterOptions extends TopicFollowerOptions {
  readonly store: ObjectStore
  readonly avro: AvroSerdes
}

interface Pending {
  /** The offset after the last one committed. */
  from: number
  /** The offset after the last one read. */
  next: number
  rows: StoredAnnotation[]
}

export class FeatureStoreWriter {
  readonly #options: FeatureStoreWriterOptions
  readonly #follower: TopicFollower
  readonly #pending = new Map<number, Pending>()
  #logId = ''
  #rows = 0
  #paused: string | undefined
  #flushing: Promise<void> = Promise.resolve()
  #closed = false
  #cancel = (): void => {}

  constructor(options: FeatureStoreWriterOptions) {
    this.#options = options
    this.#follower = new TopicFollower(options)
    this.#follower.follow({
      topic: topics.annotations,
      value: options.avro.value(topics.annotations, Annotation),
      from: ({ partition, start }) => this.#pending.get(partition)?.from ?? start,
      take: async (annotation, { partition, offset }) => {
        const pending = this.#pending.get(partition)!
        pending.next = offset + 1
        if (offset < pending.from) return
        pending.rows.push({ ...annotation, logId: this.#logId, partition, offset })
        // While the store is away nothing more is taken.
        while (pending.rows.length >= BATCH && !this.#closed) await this.flush()
      },
    })
  }

  /** The topic exists. @throws LakeError */
  async start(): Promise<void> {
    const { log, store } = this.#options
    this.#logId = (await log.admin.describeTopic(topics.annotations))?.identity ?? ''
    for (const { partition, start } of await log.admin.offsets(topics.annotations)) {
      const from = Math.max(start, await committed(store, this.#logId, partition))
      this.#pending.set(partition, { from, next: from, rows: [] })
    }
    await this.#follower.start()
    this.#schedule()
  }

  status(): FeatureStoreStatus {
    return {
      target: this.#options.store.url,
      rows: this.#rows,
      waiting: [...this.#pending.values()].reduce((sum, { rows }) => sum + rows.length, 0),
      ...(this.#paused !== undefined && { paused: this.#paused }),
    }
  }

  /** Resolves when what is on the topic now was read and, if the store can be written, is in it. */
  async drained(): Promise<void> {
    await this.#follower.caughtUp()
    await this.flush()
  }

  /** Writes what was read; the rest is left to the next start. */
  async stop(): Promise<void> {
    this.#cancel()
    await this.flush()
    this.#closed = true
    await this.#follower.stop()
  }

  /** Writes what was read; what cannot be written stays, and is tried again. One flush at a time. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(async () => {
      try {
        for (const [partition, pending] of this.#pending) await this.#commit(partition, pending)
        this.#paused = undefined
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        if (this.#paused === undefined) this.#options.logger.warn(`annotations cannot be stored: ${reason}`)
        this.#paused = reason
        await new Promise<void>(resolve => this.#options.timers.after(1000, resolve))
      }
    })
    return this.#flushing
  }

  #schedule(): void {
    this.#cancel = this.#options.timers.after(FLUSH_INTERVAL, () => {
      void this.flush().finally(() => {
        if (!this.#closed) this.#schedule()
      })
    })
  }

  async #commit(partition: number, pending: Pending): Promise<void> {
    const { store } = this.#options
    const { from, next, rows } = pending
    if (rows.length === 0) return
    const files: string[] = []
    for (const [folder, own] of byFolder(rows)) {
      const key = `data/${folder}/${this.#logId}-${partition}-${from}-${next}.parquet`
      await store.put(key, encodeSamples(own))
      files.push(key)
    }
    const commit = Buffer.from(JSON.stringify({ next, files, rows: rows.length }), 'utf8')
    const after = await putFirst(store, commitKey(this.#logId, partition, from), commit)
    if (after === undefined) this.#rows += rows.length
    // Rows may have come in meanwhile; and where another writer was first, it may have come less far, or farther.
    pending.from = after ?? next
    pending.rows = pending.rows.filter(({ offset }) => offset >= pending.from)
  }
}

/** Undefined if it was written; otherwise how far the commit goes that was there before, its own perhaps. */
async function putFirst(store: ObjectStore, key: string, commit: Buffer): Promise<number | undefined> {
  try {
    await store.put(key, commit, { ifAbsent: true })
    return undefined
  } catch (error) {
    if (!(error instanceof LakeError && error.code === 'OBJECT_EXISTS')) throw error
    return commitSchema.parse(JSON.parse((await store.get(key)).toString('utf8'))).next
  }
}

/** The offset from which a partition is not in the store yet. */
async function committed(store: ObjectStore, logId: string, partition: number): Promise<number> {
  let last: string | undefined
  for await (const { key } of store.list(`commits/${logId}/${partition}/`)) last = key
  if (last === undefined) return 0
  return commitSchema.parse(JSON.parse((await store.get(last)).toString('utf8'))).next
}

/** Offsets of one width: their order as text is that of numbers. */
function commitKey(logId: string, partition: number, from: number): string {
  return `commits/${logId}/${partition}/${String(from).padStart(16, '0')}.json`
}

function byFolder(rows: readonly StoredAnnotation[]): Map<string, StoredAnnotation[]> {
  const folders = new Map<string, StoredAnnotation[]>()
  for (const row of rows) {
    const day = new Date(row.windowStart).toISOString().slice(0, 10)
    const folder = `features=${row.featureSchemaHash}/day=${day}`
    folders.set(folder, [...(folders.get(folder) ?? []), row])
  }
  return folders
}

/** How far a reader has come: of each partition of each log, the offset after the last one. */
export type Watermark = Readonly<Record<string, number>>

/** All annotations in the store, in no order that means anything. @throws LakeError */
export async function* storedAnnotations(store: ObjectStore): AsyncGenerator<StoredAnnotation> {
  for await (const { key } of store.list('commits/')) yield* annotationsOf(store, key)
}

/** How many windows were labelled beyond a watermark, and the watermark of now. @throws LakeError */
export async function newlyLabelled(
  store: ObjectStore,
  featureSchemaHash: string,
  before: Watermark,
): Promise<{ readonly windows: number; readonly watermark: Watermark }> {
  const windows = new Set<string>()
  const watermark: Record<string, number> = { ...before }
  for await (const { key } of store.list('commits/')) {
    const [, logId, partition, from] = /^commits\/([^/]+)\/(\d+)\/(\d+)\.json$/.exec(key) ?? []
    const place = `${logId}/${partition}`
    if (from === undefined || Number(from) < (before[place] ?? 0)) continue
    for await (const row of annotationsOf(store, key)) {
      watermark[place] = Math.max(watermark[place] ?? 0, row.offset + 1)
      if (row.label !== null && row.featureSchemaHash === featureSchemaHash) windows.add(windowId(row))
    }
  }
  return { windows: windows.size, watermark }
}

async function* annotationsOf(store: ObjectStore, commit: string): AsyncGenerator<StoredAnnotation> {
  const { files } = commitSchema.parse(JSON.parse((await store.get(commit)).toString('utf8')))
  for (const file of files) yield* await decodeSamples(await store.get(file))
}

/**
 * What can be learned from: of each window that has a label its last annotation, by the time it was made and then by its offset.
 * @param featureSchemaHash of the features that are wanted
 */
export async function labelledSamples(
  store: ObjectStore,
  featureSchemaHash: string,
): Promise<StoredAnnotation[]> {
  const latest = new Map<string, StoredAnnotation>()
  for await (const row of storedAnnotations(store)) {
    const before = latest.get(windowId(row))
    if (before === undefined || isLater(row, before)) latest.set(windowId(row), row)
  }
  return [...latest.values()]
    .filter(row => row.label !== null && row.featureSchemaHash === featureSchemaHash)
    .sort((a, b) =>
      a.deviceId < b.deviceId ? -1 : a.deviceId > b.deviceId ? 1 : a.windowStart - b.windowStart,
    )
}

function isLater(a: StoredAnnotation, b: StoredAnnotation): boolean {
  return a.annotatedAt - b.annotatedAt > 0 || (a.annotatedAt === b.annotatedAt && a.offset > b.offset)
}
