/**
 * The SQL port: what the sink needs of a database. PGlite (`pglite.ts`) is one, PostgreSQL (`postgres.ts`) and
 * Amazon Redshift (`redshift.ts`) are others.
 *
 * Statements use `$1` parameters and stay within what PostgreSQL and Amazon Redshift both understand; what differs
 * between databases is in a dialect file.
 */
import { ApplicationError, type ApplicationErrorCode } from '../errors.ts'
import type { SqlDialect } from './dialect.ts'

/** A timestamp travels as `sqlTimestamp` writes it, never as a Date: drivers would put it in the machine's zone. */
export type SqlValue = string | number | boolean | null

/**
 * As every database reads it, in statements and in CSV: Redshift's COPY takes exactly this form (docs.aws.amazon.com/
 * redshift/latest/dg/r_DATEFORMAT_and_TIMEFORMAT_strings.html), and ISO 8601 with its T and Z only on request.
 *
 * @param milliseconds since the epoch, of the years 0 to 9999
 */
export function sqlTimestamp(milliseconds: number): string {
  const day = Math.floor(milliseconds / DAY)
  // Dates cost more than all else of a row, and follow one another.
  if (day !== lastDay.day) lastDay = { day, date: new Date(day * DAY).toISOString().slice(0, 10) }
  const time = Math.floor(milliseconds - day * DAY)
  const hours = twoDigits[Math.floor(time / 3_600_000)]
  const minutes = twoDigits[Math.floor(time / 60_000) % 60]
  const seconds = twoDigits[Math.floor(time / 1_000) % 60]
  return `${lastDay.date} ${hours}:${minutes}:${seconds}.${threeDigits[time % 1_000]}+00`
}

const DAY = 86_400_000
let lastDay = { day: 0, date: '1970-01-01' }
const twoDigits = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'))
const threeDigits = Array.from({ length: 1_000 }, (_, number) => String(number).padStart(3, '0'))

export interface SqlResult {
  /** By column name. Whole numbers of 64 bits are numbers (exact within ±2^53), timestamps are Dates. */
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** Rows inserted, updated or deleted. */
  readonly affected: number
}

/** Something that runs one statement. @throws ApplicationError SQL_UNREACHABLE, SQL_UNTRUSTED, SQL_REFUSED, SQL_FAILED */
export interface SqlSession {
  query(text: string, params?: readonly SqlValue[]): Promise<SqlResult>
}

export interface SqlTransaction extends SqlSession {
  /**
   * Appends rows to a table, many at once.
   * @param columns as they stand in a statement, in the order of the rows' cells
   * @throws as `query`, and what the place has to say that the rows go through
   */
  copy(table: string, columns: readonly string[], parts: readonly CsvPart[]): Promise<void>
}

/** Rows as CSV (RFC 4180), without a header. Text is in quotes. */
export interface CsvPart {
  /** Names separated by slashes. Parts of one name hold the same rows, whoever made them and when. */
  readonly name: string
  readonly csv: Buffer
}

export interface Sql extends SqlSession {
  /** For people, without a secret: `PGlite in memory` or `postgres localhost:5432/watch`. */
  readonly description: string
  readonly dialect: SqlDialect
  /**
   * Commits when `work` resolves and rolls back when it rejects. When the connection breaks during the commit it
   * rejects although the database may have committed: only the database knows, so ask it.
   */
  transaction<T>(work: (session: SqlTransaction) => Promise<T>): Promise<T>
  /** Waits for what runs, refuses what comes. */
  close(): Promise<void>
}

/** SQLSTATE classes in which the server turns the user away: no permission, no such database, wrong password. */
const refusals = ['28', '3D', '42501']
/** Classes in which the server could not go on, whatever the statement: connection, resources, shutdown. */
const outages = ['08', '53', '57', '58']
/** What Node says of a certificate that it does not accept: reasons of X.509, and a host name that is not in it. */
const distrust = /SELF_SIGNED|UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)|^CERT_|^CRL_|INVALID_CA|^ERR_TLS_CERT/

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
  if (distrust.test(state))
    return failed('SQL_UNTRUSTED', `${description} cannot prove that it is that: ${text}`)
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
