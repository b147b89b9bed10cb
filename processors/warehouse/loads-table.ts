/**
 * The table `warehouse_loads`: which files a partition's rows are of. It changes in the transaction that changes the rows, so
 * that the two can never disagree.
 */
import { createHash } from 'node:crypto'
import type { ObjectSummary } from '../../lake/object-store.ts'
import { type SqlSession, sqlTimestamp } from '../sinks/sql.ts'

export interface Load {
  /** Of the table's keys. */
  readonly values: readonly string[]
  /** See `filesId`; empty where nothing is loaded. */
  readonly files: string
}

/** Another one when a file is another, comes or goes. */
export function filesId(files: readonly ObjectSummary[]): string {
  const hash = createHash('sha256')
  for (const { key, etag } of [...files].sort((a, b) => (a.key < b.key ? -1 : 1)))
    hash.update(`${key}\0${etag}\n`)
  return hash.digest('hex')
}

export async function loadsOf(session: SqlSession, table: string): Promise<Load[]> {
  const { rows } = await session.query(
    'select partition_values, files from warehouse_loads where table_name = $1',
    [table],
  )
  return rows.map(row => ({ values: JSON.parse(String(row.partition_values)), files: String(row.files) }))
}

/**
 * Says that a partition's rows are of these files now. False when they are not of those that the caller believes them
 * to be of, because another process loaded: the caller must write nothing.
 */
export async function changeLoad(
  session: SqlSession,
  table: string,
  { values, files }: Load,
  now: { readonly files: string; readonly rows: number; readonly at: number },
): Promise<boolean> {
  const { affected } = await session.query(
    `update warehouse_loads set files = $1, "rows" = $2, loaded_at = $3
where table_name = $4 and partition_values = $5 and files = $6`,
    [now.files, now.rows, sqlTimestamp(now.at), table, JSON.stringify(values), files],
  )
  return affected === 1
}

export async function forgetLoad(
  session: SqlSession,
  table: string,
  values: readonly string[],
): Promise<void> {
  await session.query('delete from warehouse_loads where table_name = $1 and partition_values = $2', [
    table,
    JSON.stringify(values),
  ])
}

/** Of a table that is made anew. */
export async function forgetLoads(session: SqlSession, table: string): Promise<void> {
  await session.query('delete from warehouse_loads where table_name = $1', [table])
}
