/**
 * Every error of the application around the engine, in one closed table: a code, and what to do. The message of an
 * error adds the particulars, never a secret; programs match on `code`. The engine's own are in topology/errors.ts.
 */
const table = {
  SQL_URL_INVALID: 'Give --sql as postgres://user:password@host:port/database.',
  SQL_UNREACHABLE: 'Check the address given with --sql and that the database runs.',
  SQL_REFUSED: 'Check the user, password, database and TLS setting given with --sql.',
  SQL_FAILED: 'See the message; the database refused the statement.',
  SERVICE_PORT_IN_USE: 'Give another --port, or stop what listens there.',
  SERVICE_FAILED: 'See the message; the console could not be served.',
} as const satisfies Record<string, string>

export type ApplicationErrorCode = keyof typeof table

/** `message` says what happened, in one line; `remedy` what to do. */
export class ApplicationError extends Error {
  readonly code: ApplicationErrorCode
  constructor(code: ApplicationErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ApplicationError'
    this.code = code
  }

  get remedy(): string {
    return table[this.code]
  }
}
