/** What can go wrong in the command line itself, and what to do. Errors of the engine bring their own remedy. */
const table = {
  NODE_NOT_RUNNING: 'Start one with npm start, or name the state directory of the running one with --state.',
  NODE_ALREADY_RUNNING: 'Stop it first, or give this one a state directory of its own with --state.',
  NODE_FILE_INVALID: 'Remove the file and start the node again.',
  NODE_UNREACHABLE: 'See what the node prints; it may be starting or stopping.',
  NODE_REFUSED: 'See the message; nothing was changed.',
  RELEASE_UNKNOWN: 'tickerwatch models list shows those there are.',
  LETTER_UNKNOWN: 'tickerwatch dead-letters list shows those there are.',
  REPLAY_DIFFERS:
    'Replay with the routing and the version that the nodes run; if they are the same, this is a defect: report it.',
  JOB_UNKNOWN: 'tickerwatch emr --help lists the jobs.',
  KAFKA_CA_INVALID:
    'Name a file with the certificate, in PEM, of the authority that signed those of the brokers.',
  FILE_UNREADABLE: 'Check the path and its permissions.',
  FILE_UNWRITABLE: 'Name a file that is not there yet, in a directory that can be written.',
} as const

export type CliErrorCode = keyof typeof table

/** An error of a command. `message` says what happened, `remedy` what to do. */
export class CliError extends Error {
  readonly code: CliErrorCode
  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CliError'
    this.code = code
  }

  get remedy(): string {
    return table[this.code]
  }
}
