/**
 * Predictions into SQL, exactly once. Rows and the consumed position are written in one SQL transaction, and the
 * position in SQL is the only one that counts: the consumer group merely divides the partitions among sinks.
 *
 * One rule covers every trouble (a rebalance, a rival sink, a database that is down, a connection cut after COMMIT was
 * sent): forget what was taken but not written, ask SQL where the partition stands, and read on from there. The
 * position only moves from where this sink believes it to be, so a mistaken belief writes nothing.
 */
import type { BaseLogger } from 'pino'
import type { Prediction } from '../../schemas/index.ts'
import { stickyAssignor } from '../../topology/assignor.ts'
import {
  type Consumer,
  type DeadLetter,
  type Log,
  type RecordBatch,
  RecordCursor,
  readyOf,
  systemTimers,
  TickerError,
  type Timers,
} from '../../topology/index.ts'
import { CsvLines } from './csv-lines.ts'
import { migrate } from './migrations.ts'
import { predictionColumns, predictionLine, type RecordPlace } from './predictions-table.ts'
import { SinkDelay } from './sink-delay.ts'
import { advanceOffset, enterOffset, type StoredOffset, storedOffsets } from './sink-offsets.ts'
import type { CsvPart, Sql } from './sql.ts'

/** Milliseconds a poll may wait for records, and a batch for more of them while someone waits for its end. */
const patience = 200
/** Milliseconds between two attempts: doubled after each, up to the last. */
const firstRetry = 100
const slowestRetry = 5_000
const reportInterval = 1_000
/** Milliseconds a poll may take while nothing is assigned. */
const assignmentWait = 20

export interface SqlSinkOptions {
  readonly log: Log
  readonly sql: Sql
  /** Of predictions. */
  readonly topic: string
  readonly group: string
  /** This sink's own: one that joins takes an earlier member of its name for itself before a crash, and evicts it. */
  readonly clientId: string
  /** As `Serde.deserialize`: what it throws may carry a promise `ready`, which is awaited before the next try. */
  readonly decode: (value: Buffer) => Prediction
  /**
   * A record that can have no row; key and value are views, to be copied if kept. Awaited before the position moves
   * on: a crash in between calls it again for the same record.
   */
  readonly onDeadLetter: (letter: DeadLetter) => Promise<void>
  readonly timers?: Timers
  readonly logger: Pick<BaseLogger, 'info' | 'warn'>
}

export interface SqlSinkStatus {
  /** Written by this sink since it started; a commit whose answer was lost is not among them. */
  readonly rows: number
  readonly deadLettered: number
  /** Those assigned to this sink; `position` is the one in SQL, absent until it was asked for. */
  readonly partitions: readonly {
    readonly partition: number
    readonly position?: number
    readonly lag?: number
  }[]
  /** Records that wait in those partitions, as of the last second. */
  readonly lag: number
  /** Milliseconds for which the oldest record known to wait has been waiting; 0 when none is. */
  readonly delay: number
  /** Why nothing is written at present; `since` in milliseconds since the epoch. */
  readonly paused?: { readonly reason: string; readonly since: number; readonly attempts: number }
}

export interface SqlSink {
  status(): SqlSinkStatus
  /** Resolves when each record that was in the topic at the call is written, by whichever sink. @throws TickerError LOG_MISUSED when closed meanwhile */
  drained(): Promise<void>
  /** Writes what was taken, leaves the group, and returns; the database stays open. */
  close(): Promise<void>
}

/** Starts at once and keeps trying: an unreachable log or database shows in `status()`. */
export function startSqlSink(options: SqlSinkOptions): SqlSink {
  return new RunningSink(options)
}

interface AssignedPartition {
  readonly partition: number
  /** The row in `sink_offsets` as this sink believes it to be; undefined until SQL was asked. */
  stored: StoredOffset | undefined
  /** Offset of the next record to take; the records between the stored offset and this one are in `lines`. */
  next: number
  readonly lines: CsvLines
  /** End of the partition, as of the last look. */
  end: number
}

/** Another sink moved the position first. Nothing is wrong: read on from where it stands now. */
class OvertakenError extends Error {}

class RunningSink implements SqlSink {
  readonly #options: SqlSinkOptions
  readonly #timers: Timers
  readonly #cursor = new RecordCursor()
  readonly #running: Promise<void>
  #closing = false
  #partitions = new Map<number, AssignedPartition>()
  /** By log identity and partition, the offset below which dead letters were sent: a retry passes over them. */
  readonly #deadLetteredBelow = new Map<string, number>()
  readonly #delay = new SinkDelay()
  #tablesExist = false
  /** How many wait for `drained()`. */
  #hurried = 0
  #rows = 0
  #deadLettered = 0
  #batchBegan: number | undefined
  /** Rows taken and not yet written, of all partitions. */
  #waiting = 0
  #reportDue = 0
  #paused: { reason: string; since: number; attempts: number; retryAt: number } | undefined

  constructor(options: SqlSinkOptions) {
    this.#options = options
    this.#timers = options.timers ?? systemTimers
    this.#running = this.#run()
  }

  status(): SqlSinkStatus {
    const partitions = [...this.#partitions.values()].map(({ partition, stored, end }) =>
      stored === undefined
        ? { partition }
        : { partition, position: stored.nextOffset, lag: Math.max(0, end - stored.nextOffset) },
    )
    const lag = partitions.reduce((sum, partition) => sum + (partition.lag ?? 0), 0)
    const delay = this.#delay.at(this.#timers.now())
    const paused = this.#paused && {
      reason: this.#paused.reason,
      since: this.#paused.since,
      attempts: this.#paused.attempts,
    }
    return { rows: this.#rows, deadLettered: this.#deadLettered, partitions, lag, delay, paused }
  }

  async drained(): Promise<void> {
    this.#hurried++
    try {
      await this.#drained()
    } finally {
      this.#hurried--
    }
  }

  async #drained(): Promise<void> {
    const { log, sql, topic } = this.#options
    const logId = await this.#logId()
    const ends = (await log.admin.offsets(topic)).filter(({ start, end }) => end > start)
    // SQL may know of a commit before this sink has its answer; `status()` must count those rows too.
    const isWrittenHere = ({ partition, end }: { partition: number; end: number }): boolean =>
      (this.#partitions.get(partition)?.stored?.nextOffset ?? end) >= end
    for (;;) {
      const stored = ends.every(isWrittenHere) ? await storedOffsets(sql, topic).catch(() => []) : []
      const isWritten = ({ partition, end }: { partition: number; end: number }): boolean =>
        stored.some(row => row.logId === logId && row.partition === partition && row.nextOffset >= end)
      if (ends.every(each => isWritten(each) && isWrittenHere(each))) return
      if (this.#closing)
        throw new TickerError('LOG_MISUSED', 'the sink was closed before it had written everything')
      await this.#sleep(50)
    }
  }

  async close(): Promise<void> {
    this.#closing = true
    await this.#running
  }

  async #run(): Promise<void> {
    const { log, topic, group, clientId } = this.#options
    while (!this.#closing) {
      try {
        const consumer = await log.consumer({
          group,
          clientId,
          topics: [topic],
          assignor: stickyAssignor([[topic]]),
          onAssigned: ({ partitions }) => this.#assign(partitions.map(({ partition }) => partition)),
          onLost: () => this.#assign([]),
        })
        try {
          await this.#consume(consumer)
        } finally {
          this.#assign([])
          await consumer.close()
        }
      } catch (error) {
        this.#pause(error)
        await this.#sleep(this.#retryIn())
      }
    }
  }

  #assign(partitions: readonly number[]): void {
    this.#partitions = new Map(
      partitions.map(partition => [
        partition,
        { partition, stored: undefined, next: 0, lines: new CsvLines(), end: 0 },
      ]),
    )
    this.#batchBegan = undefined
    this.#waiting = 0
    this.#delay.keep(partitions)
  }

  /** Until closed; errors of the log end it, all others are retried here, so that the group is not left for them. */
  async #consume(consumer: Consumer): Promise<void> {
    while (!this.#closing) {
      if (this.#retryIn() === 0) await this.#orPause(consumer, () => this.#findPositions(consumer))
      const batches = await consumer.poll(this.#patience())
      await this.#orPause(consumer, async () => {
        for (const batch of batches) await this.#take(batch)
        if (this.#batchBegan !== undefined && this.#timers.now() - this.#batchBegan >= this.#batchAge())
          await this.#write()
      })
      if (this.#timers.now() >= this.#reportDue) await this.#report(consumer)
    }
    await this.#orPause(consumer, () => this.#write())
  }

  async #orPause(consumer: Consumer, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof OvertakenError)) this.#pause(error)
      const partitions = [...this.#partitions.keys()]
      consumer.pause(partitions.map(partition => ({ topic: this.#options.topic, partition })))
      this.#assign(partitions)
    }
  }

  /** Asks SQL for the positions not known yet, and reads on from them. */
  async #findPositions(consumer: Consumer): Promise<void> {
    const { log, sql, topic, logger } = this.#options
    const assigned = this.#partitions
    const unknown = [...assigned.values()].filter(({ stored }) => stored === undefined)
    if (unknown.length === 0) return
    await this.#createTables()
    const logId = await this.#logId()
    const offsets = new Map((await log.admin.offsets(topic)).map(each => [each.partition, each]))

    let rows = await storedOffsets(sql, topic)
    const rowOf = (partition: number): StoredOffset | undefined =>
      rows.find(row => row.logId === logId && row.partition === partition)
    const newcomers = unknown.filter(({ partition }) => rowOf(partition) === undefined)
    if (newcomers.length > 0) {
      if (rows.length > 0 && rows.every(row => row.logId !== logId))
        logger.warn(`${sql.description} has rows of another log than this ${topic} (${logId}): starting anew`)
      await sql.transaction(async session => {
        for (const statement of sql.dialect.begin) await session.query(statement)
        for (const { partition } of newcomers) {
          const nextOffset = offsets.get(partition)?.start ?? 0
          await enterOffset(session, topic, { logId, partition, nextOffset }, this.#timers.now())
        }
      })
      rows = await storedOffsets(sql, topic)
    }
    if (this.#partitions !== assigned) return // a rebalance came in between; the next round asks for its partitions

    for (const each of unknown) {
      const { start, end } = offsets.get(each.partition) ?? { start: 0, end: 0 }
      const stored = rowOf(each.partition)
      if (stored === undefined)
        throw new TickerError('LOG_MISUSED', `the offsets row of ${topic}/${each.partition} vanished`)
      if (stored.nextOffset < start)
        logger.warn(
          `${topic}/${each.partition} lost ${start - stored.nextOffset} offsets to retention before they were written`,
        )
      each.stored = stored
      each.next = Math.max(stored.nextOffset, start)
      each.end = end
      consumer.seek({ topic, partition: each.partition }, each.next)
    }
    consumer.resume(unknown.map(({ partition }) => ({ topic, partition })))
    // With records waiting, only a write shows that all is well again.
    if (unknown.every(({ next, end }) => next >= end)) this.#resumed()
  }

  async #take(batch: RecordBatch): Promise<void> {
    const assigned = this.#partitions.get(batch.partition)
    if (assigned?.stored === undefined || batch.lastOffset < assigned.next) return
    const place = { logId: assigned.stored.logId, partition: batch.partition }
    const cursor = this.#cursor.reset(batch, assigned.next)
    while (cursor.next()) {
      const now = this.#timers.now()
      this.#batchBegan ??= now
      try {
        const prediction = await decoded(cursor.value, this.#options.decode)
        assigned.lines.push(predictionLine(prediction, { ...place, offset: cursor.offset }, now))
        this.#waiting++
      } catch (error) {
        if (!(error instanceof TickerError) || !error.code.startsWith('RECORD_')) throw error
        await this.#giveUp(cursor, place, error)
      }
      if (this.#partitions.get(batch.partition) !== assigned) return // a rebalance while waiting
      assigned.next = cursor.offset + 1
      if (this.#waiting >= this.#options.sql.dialect.batch.rows) {
        await this.#write()
        if (this.#partitions.get(batch.partition) !== assigned) return
      }
    }
    assigned.next = batch.lastOffset + 1
    this.#batchBegan ??= this.#timers.now()
  }

  async #giveUp(record: RecordCursor, place: Omit<RecordPlace, 'offset'>, error: TickerError): Promise<void> {
    const { offset, timestamp, key, value } = record
    const { code, message } = error
    const { partition } = place
    const id = `${place.logId}/${partition}`
    if (offset < (this.#deadLetteredBelow.get(id) ?? 0)) return
    const { topic, group, onDeadLetter } = this.#options
    await onDeadLetter({
      topic,
      partition,
      offset,
      timestamp,
      key,
      value,
      headers: record.headers(),
      code,
      message,
      stage: 'produce',
      operator: 'sql-sink',
      application: group,
      time: this.#timers.now(),
    })
    this.#deadLetteredBelow.set(id, offset + 1)
    this.#deadLettered++
  }

  /** All that was taken, of every partition, in one transaction. */
  async #write(): Promise<void> {
    this.#batchBegan = undefined
    const taken = [...this.#partitions.values()]
      .flatMap(assigned =>
        assigned.stored !== undefined && assigned.next > assigned.stored.nextOffset
          ? [{ assigned, from: assigned.stored, to: assigned.next, lines: assigned.lines }]
          : [],
      )
      // In one order everywhere: two sinks that lock the same rows in different orders would deadlock.
      .sort((a, b) => a.from.partition - b.from.partition)
    if (taken.length === 0) return
    const now = this.#timers.now()
    const { sql } = this.#options
    const { begin, stage, merge } = sql.dialect
    await sql.transaction(async session => {
      for (const statement of begin) await session.query(statement)
      for (const { from, to } of taken)
        if (!(await advanceOffset(session, from, to, now))) throw new OvertakenError()
      const parts = taken.filter(({ lines }) => lines.count > 0).map(csvPart)
      if (parts.length === 0) return
      for (const statement of stage) await session.query(statement)
      await session.copy('predictions_staging', predictionColumns, parts)
      for (const statement of merge) await session.query(statement)
    })
    this.#waiting = 0
    for (const { assigned, from, to, lines } of taken) {
      assigned.stored = { ...from, nextOffset: to }
      this.#rows += lines.count
      lines.clear()
      this.#delay.wrote(from.partition, to)
    }
    this.#resumed()
  }

  /** Once a second: looks how far the log goes on, and tells the group, for the log's retention and for lag tools. */
  async #report(consumer: Consumer): Promise<void> {
    const { log, topic } = this.#options
    this.#reportDue = this.#timers.now() + reportInterval
    const known = [...this.#partitions.values()].flatMap(({ stored }) => stored ?? [])
    try {
      await consumer.commit(
        known.map(({ partition, nextOffset }) => ({ topic, partition, position: nextOffset })),
      )
    } catch (error) {
      // A rebalance is under way; `onAssigned` follows.
      if (!(error instanceof TickerError && error.code === 'LOG_REBALANCED')) throw error
    }
    for (const { partition, end } of await log.admin.offsets(topic)) {
      const assigned = this.#partitions.get(partition)
      if (assigned === undefined) continue
      assigned.end = end
      this.#delay.saw(partition, end, this.#timers.now())
      if (assigned.stored !== undefined) this.#delay.wrote(partition, assigned.stored.nextOffset)
    }
  }

  async #createTables(): Promise<void> {
    if (this.#tablesExist) return
    const { sql, logger } = this.#options
    const known = sql.dialect.migrations.at(-1)?.version ?? 0
    const version = await migrate(sql, sql.dialect.migrations, this.#timers.now())
    if (version > known)
      logger.warn(
        `the tables of ${sql.description} are of version ${version}, newer than this program's ${known}: what was added is left empty`,
      )
    this.#tablesExist = true
  }

  async #logId(): Promise<string> {
    const { log, topic } = this.#options
    const description = await log.admin.describeTopic(topic)
    if (description === undefined)
      throw new TickerError('LOG_UNKNOWN_TOPIC', `the topic ${topic} does not exist`)
    return description.identity
  }

  #pause(error: unknown): void {
    const now = this.#timers.now()
    const reason = error instanceof Error ? error.message : String(error)
    const { since, attempts } = this.#paused ?? { since: now, attempts: 0 }
    const retryAt = now + Math.min(slowestRetry, firstRetry * 2 ** attempts)
    if (this.#paused?.reason !== reason)
      this.#options.logger.warn(`predictions wait to be written: ${reason}`)
    this.#paused = { reason, since, attempts: attempts + 1, retryAt }
  }

  #resumed(): void {
    if (this.#paused === undefined) return
    this.#options.logger.info(
      `predictions are written again, after ${this.#timers.now() - this.#paused.since} ms`,
    )
    this.#paused = undefined
  }

  #retryIn(): number {
    return this.#paused === undefined ? 0 : Math.max(0, this.#paused.retryAt - this.#timers.now())
  }

  /** How old the first row of a batch may get. */
  #batchAge(): number {
    const { age } = this.#options.sql.dialect.batch
    return this.#hurried > 0 ? Math.min(patience, age) : age
  }

  /** How long a poll may wait. */
  #patience(): number {
    if (this.#batchBegan !== undefined)
      return Math.min(patience, Math.max(0, this.#batchBegan + this.#batchAge() - this.#timers.now()))
    // An assignment comes during a poll, which then goes on for as long as it may.
    if (this.#partitions.size === 0) return assignmentWait
    return Math.min(patience, this.#retryIn() || patience)
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise(resolve => this.#timers.after(milliseconds, resolve))
  }
}

/** The rows of one partition; another range of offsets has another name, so that no rival's file is taken for it. */
function csvPart({ from, to, lines }: { from: StoredOffset; to: number; lines: CsvLines }): CsvPart {
  const { logId, partition, nextOffset } = from
  return { name: `${logId}/${partition}/${nextOffset}-${to}`, csv: lines.bytes }
}

async function decoded(value: Buffer | null, decode: SqlSinkOptions['decode']): Promise<Prediction> {
  if (value === null) throw new TickerError('RECORD_INVALID', 'a prediction without a value')
  for (;;) {
    try {
      return decode(value)
    } catch (error) {
      const ready = readyOf(error)
      if (ready === undefined) {
        const message = error instanceof Error ? error.message : String(error)
        throw new TickerError('RECORD_UNDECODABLE', message, { cause: error })
      }
      await ready
    }
  }
}
