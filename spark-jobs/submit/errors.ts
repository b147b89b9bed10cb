/** What can go wrong with jobs on EMR, and what to do. What AWS itself refuses is in lake/errors.ts. */
const table = {
  EMR_CONFIG_INVALID: 'Correct the file; spark-jobs/submit/README.md describes it.',
  EMR_CONFIG_UNREADABLE:
    'Name the file with --config (of a node: --emr-config), or write one: spark-jobs/submit/README.md describes it.',
  EMR_CLUSTER_FAILED:
    'See the reason; where it is capacity or a quota, choose other instances in the configuration.',
  EMR_CLUSTER_SLOW:
    'Look at the cluster in the console of EMR; it has been terminated, unless it was to be kept.',
  EMR_STEP_FAILED: 'See the log above; the whole of it is where the configuration says.',
  EMR_STEP_CANCELLED: 'Somebody cancelled the step: run the command again.',
  EMR_INTERRUPTED: 'Run the command again; finished parts of a job are written anew.',
} as const satisfies Record<string, string>

export type SubmitErrorCode = keyof typeof table

/** `message` says what happened, in one line; `remedy` what to do. */
export class SubmitError extends Error {
  readonly code: SubmitErrorCode
  constructor(code: SubmitErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SubmitError'
    this.code = code
  }

  get remedy(): string {
    return table[this.code]
  }
}
