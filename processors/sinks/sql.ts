/**
 * The SQL port: what the sink needs of a database. PGlite (`pglite.ts`) is one, PostgreSQL (`postgres.ts`) another.
 *
 * Statements use `$1` parameters and stay within what PostgreSQL and Amazon Redshift both understand; what differs
 * between databases is in a dialect file.
 */
import { ApplicationError, type ApplicationErrorCode } from '../errors.ts'

/** A timestamp travels as ISO 8601 text with its zone, never as a Date: drivers would put it in the machine's zone. */
export type SqlValue = string | number | boolean | null

export interface SqlResult {
  /** By column name. Whole numbers of 64 bits are numbers (exact within ±2^53), timestamps are Dates. */
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** Rows inserted, updated or deleted. */
  readonly affected: number
}

/** Something that runs one statement. @throws ApplicationError SQL_UNREACHABLE, SQL_REFUSED, SQL_FAILED */
export interface SqlSession {
  query(text: string, params?: readonly SqlValue[]): Promise<SqlResult>
}

export interface Sql extends SqlSession {
  /** For people, without a secret: `PGlite in memory` or `postgres localhost:5432/watch`. */
  readonly description: string
  /**
   * Commits when `work` resolves and rolls back when it rejects. When the connection breaks during the commit it
   * rejects although the database may have committed: only the database knows, so ask it.
   */
  transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T>
  /** Waits for what runs, refuses what comes. */
  close(): Promise<void>
}

/** SQLSTATE classes in which the server turns the user away: no permission, no such database, wrong password. */
const refusals = ['28', '3D', '42501']
/** Classes in which the server could not go on, whatever the statement: connection, resources, shutdown. */
const outages = ['08', '53', '57', '58']

/**
 * A driver's error as one of ours. A SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html) has five
 * characters and never begins with E; anything else (EPIPE, ECONNREFUSED, a time-out) means that no answer came.
 */
export function sqlError(cause: unknown, description: string): ApplicationError {
  if (cause instanceof ApplicationError) return cause
  const state = codeOf(cause)
  const text = (messageOf(cause) || state).split('\n')[0] ?? ''
  const failed = (code: ApplicationErrorCode, message: string): ApplicationError =>
    new ApplicationError(code, message, { cause })
  if (!/^(?!E)[0-9A-Z]{5}$/.test(state) || outages.some(prefix => state.startsWith(prefix)))
    return failed('SQL_UNREACHABLE', `cannot reach ${description}: ${text}`)
  if (refusals.some(prefix => state.startsWith(prefix)))
    return failed('SQL_REFUSED', `${description} refused: ${text}`)
  return failed('SQL_FAILED', `${description} answered ${state}: ${text}`)
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
}

/** A refused connection over two address families is an AggregateError without a message of its own. */
function messageOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === '')
    return cause.errors.map(error => messageOf(error)).join('; ')
  return cause instanceof Error ? cause.message : String(cause)
}
