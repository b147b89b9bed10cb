/** PostgreSQL as SQL port, through `pg`. */
import pg from 'pg'
import { ApplicationError } from '../errors.ts'
import { type Sql, type SqlSession, type SqlValue, sqlError } from './sql.ts'

/** Milliseconds. A connection that went silent must end in an error, or the sink would wait for ever. */
const connectTimeout = 5_000
const statementTimeout = 30_000

/**
 * Connects, and fails at once when that is impossible. TLS as the URL says: `sslmode=disable` (default), or
 * `sslmode=verify-full`, which checks the certificate and the host name; `sslrootcert=FILE` names an own authority.
 *
 * @param url `postgres://user:password@host:port/database?sslmode=…`
 * @throws ApplicationError SQL_URL_INVALID, SQL_UNREACHABLE, SQL_REFUSED; none shows the password
 */
export async function openPostgres(url: string): Promise<Sql> {
  const description = describe(url)
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    connectionTimeoutMillis: connectTimeout,
    query_timeout: statementTimeout,
    statement_timeout: statementTimeout,
    keepAlive: true,
    application_name: 'tickerwatch',
    types: { getTypeParser },
  })
  // A connection that breaks while nobody waits for it reports here; unheard, the event would end the process. The
  // next statement on it fails, which is where it is handled.
  pool.on('error', () => {})
  pool.on('connect', client => client.on('error', () => {}))

  const run = async (client: pg.Pool | pg.PoolClient, text: string, params: readonly SqlValue[] = []) => {
    try {
      const result = await client.query(text, [...params])
      return { rows: result.rows, affected: result.rowCount ?? 0 }
    } catch (error) {
      throw sqlError(error, description)
    }
  }

  const transaction = async <T>(work: (session: SqlSession) => Promise<T>): Promise<T> => {
    const client = await pool.connect().catch((error: unknown) => {
      throw sqlError(error, description)
    })
    try {
      await run(client, 'begin')
      const result = await work({ query: (text, params) => run(client, text, params) })
      await run(client, 'commit')
      client.release()
      return result
    } catch (error) {
      // Closing the connection rolls back, and costs less thought than asking a broken one to.
      client.release(true)
      throw error
    }
  }

  const sql: Sql = {
    description,
    query: (text, params) => run(pool, text, params),
    transaction,
    close: () => pool.end(),
  }
  try {
    await sql.query('select 1')
    return sql
  } catch (error) {
    await pool.end()
    throw error
  }
}

/** int8 as a number: `pg` gives text, because it may be beyond 2^53; offsets and counts are not. */
function getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  return oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format)
}

function describe(url: string): string {
  // The parser's own error would quote the URL, and so the password.
  if (!URL.canParse(url))
    throw new ApplicationError('SQL_URL_INVALID', 'the address of the database is not a URL')
  const { protocol, hostname, port, pathname } = new URL(url)
  if (protocol !== 'postgres:' && protocol !== 'postgresql:')
    throw new ApplicationError('SQL_URL_INVALID', `"${protocol}//" is not a database this version knows`)
  return `postgres ${hostname || 'localhost'}:${port || '5432'}${pathname}`
}
