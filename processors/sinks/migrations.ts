/**
 * The versions of the tables. Migrations only add (tables, columns that may be null or have a default), and statements
 * name their columns: so a process of an older version goes on beside a newer one, and says so.
 */
import { ApplicationError } from '../errors.ts'
import type { Sql, SqlSession } from './sql.ts'
import { sqlTimestamp } from './sql.ts'

/** Never changed once it was released, only followed by another one. */
export interface Migration {
  /** From 1, without gaps. */
  readonly version: number
  readonly name: string
  readonly statements: readonly string[]
}

/** Which were applied: one row each. */
export const migrationsTable = `create table if not exists tickerwatch_migrations (
  version integer not null,
  name varchar(256) not null,
  applied_at timestamptz not null
)`

/**
 * Applies what is missing, in one transaction. Where nothing is, no right to make tables is needed.
 * @returns the version that the tables have now, which may be newer than the last one given
 */
export async function migrate(sql: Sql, migrations: readonly Migration[], now: number): Promise<number> {
  const last = migrations.at(-1)?.version ?? 0
  const found = await versionOf(sql).catch((error: unknown) => {
    // The table is not there yet; whatever else it is shows below.
    if (error instanceof ApplicationError && error.code === 'SQL_FAILED') return 0
    throw error
  })
  if (found >= last) return found
  return sql.transaction(async session => {
    await session.query(migrationsTable)
    // Of several processes one migrates, and the others wait for it.
    await session.query('lock tickerwatch_migrations')
    const before = await versionOf(session)
    for (const { version, name, statements } of migrations.filter(each => each.version > before)) {
      for (const statement of statements) await session.query(statement)
      await session.query(
        `insert into tickerwatch_migrations (version, name, applied_at)
         select cast($1 as integer), cast($2 as varchar(256)), cast($3 as timestamptz)`,
        [version, name, sqlTimestamp(now)],
      )
    }
    return Math.max(before, last)
  })
}

async function versionOf(session: SqlSession): Promise<number> {
  const { rows } = await session.query('select max(version) as version from tickerwatch_migrations')
  return Number(rows[0]?.version ?? 0)
}
