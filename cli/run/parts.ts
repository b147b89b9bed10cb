/** The parts a node runs on: embedded ones, or those the options name. */
import { join } from 'node:path'
import { openStore } from '../../lake/open-store.ts'
import { openSql } from '../../processors/sinks/open-sql.ts'
import type { Sql } from '../../processors/sinks/sql.ts'
import { applicationId } from '../../processors/topics.ts'
import { confluentRegistry, localRegistry, type SchemaRegistry, type Subjects } from '../../schemas/index.ts'
import { memoryBackend, rocksdbBackend, type StateBackend } from '../../state/index.ts'
import { type Log, memoryLog } from '../../topology/index.ts'
import { openKafka } from '../kafka.ts'
import type { RunOptions } from './options.ts'

export interface Parts {
  readonly log: Log
  readonly sql: Sql
  readonly registry: SchemaRegistry & Subjects
  readonly state: StateBackend
  /** Closes log, SQL and what is staged for it. */
  close(): Promise<void>
}

/** @throws TickerError LOG_UNREACHABLE, ApplicationError SQL_…, LakeError, with nothing left open */
export async function openParts(options: RunOptions, clientId: string): Promise<Parts> {
  const log = await openLog(options, clientId)
  try {
    const staging = options.s3 === undefined ? undefined : await openStore(options.s3)
    const sql = await openSql(options.sql, staging)
    return {
      log,
      sql,
      registry: openRegistry(options),
      state: openState(options, log),
      close: async () => {
        await sql.close()
        await staging?.close()
        await log.close()
      },
    }
  } catch (error) {
    await log.close()
    throw error
  }
}

export function openRegistry({ registry }: RunOptions): SchemaRegistry & Subjects {
  return registry === undefined ? localRegistry() : confluentRegistry(registry)
}

/** What a log in memory has forgotten, a state on disk must not remember. */
export function openState({ state }: RunOptions, { durable }: Log): StateBackend {
  return durable ? rocksdbBackend(join(state, applicationId)) : memoryBackend()
}

export async function openLog(options: RunOptions, clientId: string): Promise<Log> {
  return options.brokers === undefined ? memoryLog() : await openKafka(options, clientId)
}
