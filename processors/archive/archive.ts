/**
 * The archive: every record of the readings' topic in Parquet, exactly once, by the date and hour of event time.
 *
 *     data/date=2026-01-31/hour=07/LOG-PARTITION-FROM.parquet
 *     _files/LOG/PARTITION/FROM.json        {"key": "data/…", …}
 *     _files/LOG.json                       {"offsetsPerFile": N}
 *
 * A file holds the offsets from a multiple of N to before the next one; nothing else decides where it ends. Its hour is that
 * of its first record. The hour could differ for two writers of the same offsets, when the log has deleted some in between, so
 * the first of them enters the file's key, only if absent, before it writes the file, and whoever comes later takes that key. A
 * file appears whole, and only where there is none: a crash at any point leaves it to the next writer to do it, or
 * to see that it is done.
 *
 * Partitions are divided by a consumer group. Its positions say where to look first; what was written is said by the files.
 */
import type { BaseLogger } from 'pino'
import { z } from 'zod'
import { LakeError } from '../../lake/errors.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import type { SensorReading } from '../../schemas/index.ts'
import { stickyAssignor } from '../../topology/assignor.ts'
import {
  type Consumer,
  type Log,
  RecordCursor,
  readyOf,
  TickerError,
  type Timers,
} from '../../topology/index.ts'
import { ApplicationError } from '../errors.ts'
import { type ArchivedRecord, ReadingsFile } from './readings-file.ts'

/** Offsets of a file: some 40 MB of readings. */
const OFFSETS = 500_000
/** Rows that are encoded at once: a few dozen milliseconds of the thread. */
const GROUP = 5_000
/** Milliseconds between two looks at how far the log goes, and after a failure. */
const LOOK = 1_000
const RETRY = 2_000

const entryFormat = z.object({ key: z.string(), from: z.int().nonnegative() })
const sizeFormat = z.object({ offsetsPerFile: z.int().positive() })

export interface ArchiveOptions {
  readonly log: Log
  readonly topic: string
  readonly group: string
  /** Of this process, the same when it is started again: what a killed one held goes to its successor at once. */
  readonly clientId: string
  readonly store: ObjectStore
  /** As `Serde.deserialize`: what it throws may carry a promise `ready`, which is awaited before the next try. */
  readonly decode: (value: Buffer) => SensorReading
  readonly timers: Timers
  readonly logger: Pick<BaseLogger, 'info' | 'warn'>
  /** Offsets of a file; the same for as long as the log exists, which the store sees to. 500,000 if not given. */
  readonly offsetsPerFile?: number
  /** Told of each file that is there, after it was written or found. */
  readonly onFile?: (key: string) => void
}

export interface ArchiveStatus {
  /** Where to, for people. */
  readonly target: string
  /** Written by this node. */
  readonly files: number
  readonly rows: number
  /** Offsets in full files that wait to be written, of this node's partitions. */
  readonly lag: number
  /** Why nothing is written at present. */
  readonly paused?: string
}

export interface Archive {
  status(): ArchiveStatus
  /** Resolves when every file that was full at the call is written, by whichever node. */
  drained(): Promise<void>
  /** Finishes the file under way. */
  close(): Promise<void>
}

/** Starts at once and keeps trying: an unreachable log or store shows in `status()`. */
export function startArchive(options: ArchiveOptions): Archive {
  return new RunningArchive(options)
}

class RunningArchive implements Archive {
  readonly #options: ArchiveOptions
  readonly #size: number
  readonly #running: Promise<void>
  /** Of the partitions assigned: the offset from which files are missing; undefined until it is known. */
  #next = new Map<number, number | undefined>()
  /** The log of which the store says that files have our size. */
  #agreed: string | undefined
  #ends = new Map<number, number>()
  #closing = false
  #wake = (): void => {}
  #files = 0
  #rows = 0
  #paused: string | undefined

  constructor(options: ArchiveOptions) {
    this.#options = options
    this.#size = options.offsetsPerFile ?? OFFSETS
    this.#running = this.#run()
  }

  status(): ArchiveStatus {
    let lag = 0
    for (const [partition, next] of this.#next)
      if (next !== undefined) lag += Math.max(0, this.#boundary(this.#ends.get(partition) ?? 0) - next)
    const { url: target } = this.#options.store
    return {
      target,
      files: this.#files,
      rows: this.#rows,
      lag,
      ...(this.#paused !== undefined && { paused: this.#paused }),
    }
  }

  async drained(): Promise<void> {
    const { log, topic, group } = this.#options
    const ends = (await log.admin.offsets(topic)).map(({ partition, end }) => ({
      partition,
      end: this.#boundary(end),
    }))
    for (;;) {
      const committed = await log.admin.committed(group, [topic])
      const reached = (partition: number) =>
        committed.find(each => each.partition === partition)?.position ?? 0
      if (ends.every(({ partition, end }) => reached(partition) >= end)) return
      if (this.#closing) throw new TickerError('LOG_MISUSED', 'the archive was closed before it was done')
      await this.#sleep(50)
    }
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#wake()
    await this.#running
  }

  async #run(): Promise<void> {
    const { log, topic, group, clientId, logger } = this.#options
    while (!this.#closing) {
      try {
        // Its partitions stay paused: the group divides them, and a reader reads whole files.
        const consumer = await log.consumer({
          group,
          clientId,
          topics: [topic],
          assignor: stickyAssignor([[topic]]),
          onAssigned: ({ partitions }) => {
            this.#next = new Map(partitions.map(({ partition }) => [partition, undefined]))
          },
          onLost: () => {
            this.#next = new Map()
          },
        })
        this.#wake = () => consumer.wakeup()
        try {
          while (!this.#closing) await this.#round(consumer)
        } finally {
          this.#next = new Map()
          await consumer.close()
        }
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        if (this.#paused !== reason) logger.warn(`readings wait to be archived: ${reason}`)
        this.#paused = reason
        if (!this.#closing) await this.#sleep(RETRY)
      }
    }
  }

  /** Writes the next file of each partition that has a full one; without any, waits for a while. */
  async #round(consumer: Consumer): Promise<void> {
    const { log, topic } = this.#options
    const assigned = this.#next
    const bounds = await log.admin.offsets(topic)
    this.#ends = new Map(bounds.map(({ partition, end }) => [partition, end]))
    let idle = true
    for (const { partition, start, end } of bounds) {
      if (this.#closing || this.#next !== assigned) return
      if (!assigned.has(partition)) continue
      // What the log has deleted before it was archived is gone; the file that it lies in holds the rest.
      const next = Math.max(
        assigned.get(partition) ?? (await this.#committed(partition)),
        this.#boundary(start),
      )
      assigned.set(partition, next)
      if (next + this.#size > end) continue
      await this.#archive(partition, next)
      assigned.set(partition, next + this.#size)
      await this.#commit(consumer, partition, next + this.#size)
      idle = false
    }
    this.#paused = undefined
    await consumer.poll(idle ? LOOK : 0)
  }

  /** Makes sure that the file of these offsets is there. */
  async #archive(partition: number, from: number): Promise<void> {
    const { log, store, topic, logger } = this.#options
    const identity = (await log.admin.describeTopic(topic))?.identity
    if (identity === undefined)
      throw new TickerError('LOG_UNKNOWN_TOPIC', `the topic ${topic} does not exist`)
    await this.#agree(identity)
    const place = `${identity}/${partition}/${String(from).padStart(16, '0')}`
    const entered = await readJson(store, `_files/${place}.json`, entryFormat)
    if (entered !== undefined && (await store.stat(entered.key)) !== undefined)
      return this.#options.onFile?.(entered.key)

    const file = new ReadingsFile()
    let hour: string | undefined
    for await (const group of this.#records(partition, from)) {
      hour ??= new Date(group[0]?.timestamp ?? 0).toISOString()
      file.add(group)
    }
    if (hour === undefined) return // nothing but markers of transactions, or deleted by now
    const own = `data/date=${hour.slice(0, 10)}/hour=${hour.slice(11, 13)}/${place.replaceAll('/', '-')}.parquet`
    const entry = { key: own, from }
    const { key } = entered ?? (await enter(store, `_files/${place}.json`, entry, entryFormat))
    try {
      await store.put(key, file.finish(), { ifAbsent: true })
      this.#files++
      this.#rows += file.rows
      logger.info(`${topic}/${partition} from ${from}: ${file.rows} records in ${store.url}${key}`)
    } catch (error) {
      if (!(error instanceof LakeError && error.code === 'OBJECT_EXISTS')) throw error
    }
    this.#options.onFile?.(key)
  }

  /** Files of two sizes would overlap. @throws ApplicationError ARCHIVE_SIZE_TAKEN */
  async #agree(identity: string): Promise<void> {
    if (this.#agreed === identity) return
    const { store } = this.#options
    const own = { offsetsPerFile: this.#size }
    const { offsetsPerFile } = await enter(store, `_files/${identity}.json`, own, sizeFormat)
    if (offsetsPerFile !== this.#size)
      throw new ApplicationError(
        'ARCHIVE_SIZE_TAKEN',
        `files in ${store.url} are of ${offsetsPerFile} offsets, not of ${this.#size}`,
      )
    this.#agreed = identity
  }

  /** The records of a file, in groups whose size depends on nothing but their number. */
  async *#records(partition: number, from: number): AsyncGenerator<readonly ArchivedRecord[]> {
    const { log, topic, clientId } = this.#options
    const reader = await log.reader({ clientId })
    try {
      const bounds = await log.admin.offsets(topic)
      const end = from + this.#size
      let position = Math.max(from, bounds.find(each => each.partition === partition)?.start ?? 0)
      reader.seek({ topic, partition }, position)
      const cursor = new RecordCursor()
      let records: ArchivedRecord[] = []
      while (position < end) {
        for (const batch of await reader.poll(LOOK)) {
          cursor.reset(batch, position)
          while (cursor.next() && cursor.offset < end) {
            records.push(await this.#archived(cursor))
            if (records.length < GROUP) continue
            yield records
            records = []
            // Between two groups others have their turn.
            await new Promise(resolve => setImmediate(resolve))
          }
          position = batch.lastOffset + 1
        }
      }
      if (records.length > 0) yield records
    } finally {
      await reader.close()
    }
  }

  async #archived(cursor: RecordCursor): Promise<ArchivedRecord> {
    const { offset, timestamp, key, value } = cursor
    const place = { offset, timestamp, key: key && Buffer.from(key) }
    if (value === null) return { ...place, reading: null, raw: null }
    for (;;) {
      try {
        return { ...place, reading: this.#options.decode(value), raw: null }
      } catch (error) {
        const ready = readyOf(error)
        if (ready === undefined) return { ...place, reading: null, raw: Buffer.from(value) }
        await ready
      }
    }
  }

  async #committed(partition: number): Promise<number> {
    const { log, topic, group } = this.#options
    const [found] = await log.admin.stablePositions(group, [{ topic, partition }])
    return this.#boundary(found?.position ?? 0)
  }

  async #commit(consumer: Consumer, partition: number, position: number): Promise<void> {
    try {
      await consumer.commit([{ topic: this.#options.topic, partition, position }])
    } catch (error) {
      // A rebalance is under way: whoever has the partition next finds the file.
      if (!(error instanceof TickerError && error.code === 'LOG_REBALANCED')) throw error
    }
  }

  /** The beginning of the file that an offset lies in. */
  #boundary(offset: number): number {
    return Math.floor(offset / this.#size) * this.#size
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise(resolve => this.#options.timers.after(milliseconds, resolve))
  }
}

async function readJson<T>(store: ObjectStore, key: string, format: z.ZodType<T>): Promise<T | undefined> {
  if ((await store.stat(key)) === undefined) return undefined
  return format.parse(JSON.parse((await store.get(key)).toString('utf8')))
}

/** @returns what is there: this, or what somebody entered before */
async function enter<T>(store: ObjectStore, key: string, own: T, format: z.ZodType<T>): Promise<T> {
  try {
    await store.put(key, Buffer.from(JSON.stringify(own)), { ifAbsent: true })
    return own
  } catch (error) {
    if (!(error instanceof LakeError && error.code === 'OBJECT_EXISTS')) throw error
    return (await readJson(store, key, format)) ?? own
  }
}
