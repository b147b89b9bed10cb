/** PostgreSQL as SQL port, through `pg`; Redshift speaks the same protocol. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { postgresDialect, type SqlDialect } from './dialect.ts'
import { type CsvPart, type Sql, type SqlValue, sqlError } from './sql.ts'
import { parseSqlAddress, type SqlAddress } from './sql-address.ts'

/** Milliseconds. A connection that went silent must end in an error, or the sink would wait for ever. */
const CONNECTED_WITHIN = 5_000
const ANSWERED_WITHIN = 30_000

export interface SqlLogin {
  readonly user: string | undefined
  readonly password: string | undefined
}

export interface ConnectionOptions {
  readonly address: SqlAddress
  readonly dialect: SqlDialect
  /** Milliseconds a statement may take. */
  readonly answeredWithin: number
  /** Asked for before each new connection; that of the address if not given. */
  readonly login?: () => Promise<SqlLogin>
}

/**
 * Connects, and fails at once when that is impossible. TLS as the URL says: `sslmode=disable` (default), or
 * `sslmode=verify-full`, which checks the certificate and the host name; `sslrootcert=FILE` names an own authority.
 *
 * @param url `postgres://user:password@host:port/database?sslmode=…`
 * @throws ApplicationError SQL_URL_INVALID, SQL_UNREACHABLE, SQL_UNTRUSTED, SQL_REFUSED; none shows the password
 */
export async function openPostgres(url: string): Promise<Sql> {
  const address = await parseSqlAddress(url, {
    name: 'postgres',
    protocols: ['postgres:', 'postgresql:'],
    port: 5432,
    sslmode: 'disable',
    settings: [],
  })
  return connected({ address, dialect: postgresDialect, answeredWithin: ANSWERED_WITHIN })
}

/** A pool of connections, of which the first is made at once. @throws as the port says, and what `login` throws */
export async function connected(options: ConnectionOptions): Promise<Sql> {
  const { address, dialect, answeredWithin, login } = options
  const { description, host, port, database, user, password, tls } = address
  const pool = new pg.Pool({
    host,
    port,
    database,
    user,
    password,
    ssl: tls,
    max: 4,
    connectionTimeoutMillis: CONNECTED_WITHIN,
    keepAlive: true,
    application_name: 'tickerwatch',
    types: { getTypeParser },
  })
  // A connection that breaks while nobody waits for it reports here; unheard, the event would end the process. The
  // next statement on it fails, which is where it is handled.
  pool.on('error', () => {})
  pool.on('connect', client => client.on('error', () => {}))

  const run = async (client: pg.PoolClient, text: string, params: readonly SqlValue[] = []) => {
    try {
      const statement = { text, values: [...params], query_timeout: answeredWithin }
      const result = await client.query(statement)
      return { rows: result.rows, affected: result.rowCount ?? 0 }
    } catch (error) {
      throw sqlError(error, description)
    }
  }

  const copy = async (
    client: pg.PoolClient,
    table: string,
    columns: readonly string[],
    parts: readonly CsvPart[],
  ): Promise<void> => {
    const into = client.query(copyFrom(`copy ${table} (${columns.join(', ')}) from stdin (format csv)`))
    try {
      const rows = Readable.from(parts.map(({ csv }) => csv))
      await pipeline(rows, into, { signal: AbortSignal.timeout(answeredWithin) })
    } catch (error) {
      throw sqlError(error, description)
    }
  }

  /** Connections whose server gives up with us: a statement that nobody waits for would go on, and keep its locks. */
  const limited = new WeakSet<pg.PoolClient>()

  /** The connection is closed when `work` rejects: that rolls back, and costs less thought than asking a broken one to. */
  const withClient = async <T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    if (login !== undefined) {
      const { user, password } = await login()
      Object.assign(pool.options, { user, password })
    }
    const client = await pool.connect().catch((error: unknown) => {
      throw sqlError(error, description)
    })
    try {
      if (!limited.has(client)) {
        // Not as a parameter of the connection, of which Redshift knows none of that name.
        await run(client, `set statement_timeout to ${answeredWithin}`)
        limited.add(client)
      }
      const result = await work(client)
      client.release()
      return result
    } catch (error) {
      client.release(true)
      throw error
    }
  }

  const sql: Sql = {
    description,
    dialect,
    query: (text, params) => withClient(client => run(client, text, params)),
    transaction: work =>
      withClient(async client => {
        await run(client, 'begin')
        const result = await work({
          query: (text, params) => run(client, text, params),
          copy: (table, columns, parts) => copy(client, table, columns, parts),
        })
        await run(client, 'commit')
        return result
      }),
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
