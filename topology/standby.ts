/**
 * Standbys: copies of the state of tasks that run elsewhere, kept up to date from their changelogs, so that this member can
 * take such a task over and read no more than the tail. A standby has a database and nothing else: no producer, no
 * transactional id, no input. It reads read_committed, so it is never ahead of what is committed.
 *
 * One loop does everything, one step after the other: what was assigned is opened and closed between two polls. A standby
 * that fails is closed and tried again later; it never ends the node.
 */
import type { Checkpoint, TaskStore } from '../state/store.ts'
import type { ChangelogReader } from './changelog-reader.ts'
import { recoveryOf } from './errors.ts'
import { messageOf } from './failure-policy.ts'
import type { CommittedOffset, Log, Reader } from './log/log.ts'
import type { RecordBatch } from './log/record-batch.ts'
import type { TaskStateStore } from './operators/context.ts'
import { type TaskId, taskName } from './plan.ts'
import { openState, type RestoreOptions } from './restore.ts'

/** Milliseconds a poll waits for more, and between two looks at the ends of the changelogs. */
const POLL_WAIT = 100
const LOOK_INTERVAL = 1000
/** Milliseconds until a standby that failed is tried again. */
const RETRY = 1000

export interface StandbyOptions extends Omit<RestoreOptions, 'wanted' | 'onRestore'> {
  readonly log: Log
  /** New stores of a task: what they are called, and their layouts. */
  readonly storesOf: (id: TaskId) => readonly TaskStateStore[]
  /** The state of this task was written by a newer version. */
  readonly onTooNew: (task: string) => void
}

/** How far a standby is. */
export interface StandbyStatus {
  readonly name: string
  /** Offsets between what it has and the ends of the changelogs, known at most a second ago; undefined before that. */
  readonly lag: number | undefined
  /** Up to where in the changelogs it reaches. */
  readonly positions: readonly CommittedOffset[]
}

/** What an open standby has. */
export interface StandbyState {
  readonly database: TaskStore
  /** Offsets that it lacks, known at most a second ago. */
  readonly lag: number
  /** Up to where in the changelogs it reaches. */
  readonly positions: readonly CommittedOffset[]
}

interface Standby {
  readonly id: TaskId
  readonly name: string
  readonly changelogs: ChangelogReader
  /** Whether it is known where its changelogs end. */
  looked: boolean
}

export class StandbyTasks {
  readonly #options: StandbyOptions
  #wanted = new Map<string, TaskId>()
  readonly #open = new Map<string, Standby>()
  /** When a standby that failed is tried again. */
  readonly #retryAt = new Map<string, number>()
  /** What closed ones had reached. */
  readonly #left = new Map<string, Checkpoint>()
  #reader: Reader | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  #closed = false
  #loop: Promise<void> | undefined

  constructor(options: StandbyOptions) {
    this.#options = options
  }

  /** From now on these are all there are. Others are closed soon: whoever opens their databases waits for that. */
  assign(ids: readonly TaskId[]): void {
    this.#wanted = new Map(ids.map(id => [taskName(id), id]))
    if (this.#wanted.size === 0 && this.#open.size === 0) return
    // Ends the poll under way.
    this.#dropReader()
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined
    })
  }

  get status(): readonly StandbyStatus[] {
    return [...this.#open.values()].map(({ name, changelogs, looked }) => ({
      name,
      lag: looked ? changelogs.lag : undefined,
      positions: changelogs.positions,
    }))
  }

  /** By task, what its database reflects; of those closed, when they were. */
  get checkpoints(): ReadonlyMap<string, Checkpoint> {
    const open = [...this.#open.values()].map(
      ({ name, changelogs }) => [name, changelogs.checkpoint] as const,
    )
    return new Map([...this.#left, ...open])
  }

  /** For queries. */
  find(task: string): StandbyState | undefined {
    const standby = this.#open.get(task)
    if (standby === undefined || !standby.looked) return undefined
    const { database, lag, positions } = standby.changelogs
    return { database, lag, positions }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wanted.clear()
    this.#dropReader()
    await this.#loop
  }

  /** Ends when nothing is left to keep. */
  async #run(): Promise<void> {
    while (this.#wanted.size > 0 || this.#open.size > 0) {
      for (const standby of [...this.#open.values()])
        if (!this.#wanted.has(standby.name)) await this.#end(standby)
      for (const [name, id] of [...this.#wanted]) await this.#begin(name, id)
      try {
        await this.#follow()
      } catch (error) {
        this.#dropReader()
        if (!this.#closed) await this.#pause(error)
      }
    }
    this.#dropReader()
  }

  async #begin(name: string, id: TaskId): Promise<void> {
    const { timers, storesOf } = this.#options
    if (this.#open.has(name) || timers.now() < (this.#retryAt.get(name) ?? 0)) return
    try {
      const changelogs = await openState(id, storesOf(id), {
        ...this.#options,
        wanted: () => this.#wanted.has(name),
      })
      if (changelogs === undefined) return
      this.#open.set(name, { id, name, changelogs, looked: false })
      this.#lookedAt = Number.NEGATIVE_INFINITY
      this.#dropReader()
    } catch (error) {
      this.#failed(name, error)
    }
  }

  /** Reads what is there, or comes within a moment, and writes it. */
  async #follow(): Promise<void> {
    const { timers } = this.#options
    if (this.#open.size === 0) return await this.#pause()
    if (timers.now() - this.#lookedAt >= LOOK_INTERVAL) {
      this.#lookedAt = timers.now()
      for (const standby of this.#open.values()) {
        await standby.changelogs.findEnds()
        standby.looked = true
      }
    }
    const batches = await this.#poll()
    for (const standby of [...this.#open.values()]) {
      try {
        for (const batch of batches)
          if (batch.partition === standby.id.partition) standby.changelogs.take(batch)
        await standby.changelogs.flush()
      } catch (error) {
        this.#failed(standby.name, error)
        await this.#end(standby)
      }
    }
  }

  /** Nothing, if the reader was given up meanwhile: another one reads on from what was taken in. */
  async #poll(): Promise<readonly RecordBatch[]> {
    const reader = this.#reader ?? (await this.#openReader())
    this.#reader = reader
    try {
      return await reader.poll(POLL_WAIT)
    } catch (error) {
      if (this.#reader === reader) throw error
      return []
    }
  }

  async #openReader(): Promise<Reader> {
    const { log, clientId } = this.#options
    const reader = await log.reader({ clientId })
    for (const { changelogs } of this.#open.values())
      for (const { position, ...tp } of changelogs.positions) reader.seek(tp, position)
    return reader
  }

  #dropReader(): void {
    void this.#reader?.close()
    this.#reader = undefined
  }

  async #end({ name, changelogs }: Standby): Promise<void> {
    this.#open.delete(name)
    this.#left.set(name, changelogs.checkpoint)
    this.#dropReader()
    await changelogs.database.close()
  }

  #failed(name: string, error: unknown): void {
    const { timers, onNotice, onTooNew } = this.#options
    this.#retryAt.set(name, timers.now() + RETRY)
    if (recoveryOf(error) === 'leave') onTooNew(name)
    onNotice(`the standby of task ${name} does not go on: ${messageOf(error)}`)
  }

  async #pause(error?: unknown): Promise<void> {
    const { timers, onNotice } = this.#options
    if (error !== undefined) onNotice(`standbys are not kept up to date: ${messageOf(error)}`)
    await new Promise<void>(resolve => timers.after(POLL_WAIT, resolve))
  }
}
