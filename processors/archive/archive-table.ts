/**
 * Registers the archive as a table of Glue, and each new hour as a partition of it. Glue has no part in what is archived: while
 * it is away, or refuses, files are written all the same, and it is asked again. The first round looks at the whole archive,
 * and so finds what a process that was killed has left.
 */
import type { BaseLogger } from 'pino'
import { LakeError } from '../../lake/errors.ts'
import type { Catalog } from '../../lake/glue/catalog.ts'
import { registerTable } from '../../lake/glue/register-table.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import type { Timers } from '../../topology/index.ts'
import { messageOf } from '../errors.ts'

/** Its name in Glue. */
const TABLE = 'archive'
/** Milliseconds from one round, which lists the archive, to the next; and from one that failed. */
const PAUSE = 10_000
const RETRY = 60_000

export interface ArchiveTableOptions {
  readonly catalog: Catalog
  /** At `data/` of the archive. */
  readonly store: ObjectStore
  readonly timers: Pick<Timers, 'after'>
  readonly logger: Pick<BaseLogger, 'info' | 'warn'>
}

export interface ArchiveTable {
  /** A file is in the archive. */
  written(key: string): void
  /** Registers what is left to register, if Glue lets it. */
  close(): Promise<void>
}

/** Begins at once. */
export function registerArchive(options: ArchiveTableOptions): ArchiveTable {
  return new RunningArchiveTable(options)
}

class RunningArchiveTable implements ArchiveTable {
  readonly #options: ArchiveTableOptions
  readonly #hours = new Set<string>()
  readonly #running: Promise<void>
  /** Whether there may be hours that Glue does not know. */
  #isBehind = true
  #refused: string | undefined
  #closing = false
  #wake = (): void => {}

  constructor(options: ArchiveTableOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  written(key: string): void {
    const hour = key.slice(0, key.lastIndexOf('/'))
    if (this.#hours.has(hour)) return
    this.#hours.add(hour)
    this.#isBehind = true
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#wake()
    await this.#running
    if (this.#isBehind) await this.#round()
  }

  async #run(): Promise<void> {
    while (!this.#closing) {
      if (this.#isBehind) await this.#round()
      if (!this.#closing) await this.#sleep(this.#isBehind && this.#refused !== undefined ? RETRY : PAUSE)
    }
  }

  async #round(): Promise<void> {
    const { catalog, store, logger } = this.#options
    // What is written meanwhile is for the next round.
    this.#isBehind = false
    try {
      const { table, partitions } = await registerTable(catalog, TABLE, store)
      if (partitions.added > 0) logger.info(`${partitions.added} hours are registered in ${table}`)
      this.#refused = undefined
    } catch (error) {
      // The first file is still to come.
      if (error instanceof LakeError && error.code === 'TABLE_EMPTY') return
      this.#isBehind = true
      const reason = messageOf(error)
      if (reason !== this.#refused)
        logger.warn(`hours of the archive wait to be registered in Glue: ${reason}`)
      this.#refused = reason
    }
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#options.timers.after(milliseconds, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}
