/** What can go wrong with local state, and what to do; `topology/errors.ts` holds the rest of the table. */
export const stateErrors = {
  STATE_LOCKED: 'Another process uses this state directory: stop it, or give this one another --state.',
  STATE_CORRUPT: 'The state directory cannot be read; it is set aside and rebuilt from the changelog.',
  STATE_DISK:
    'The disk refused a write: free space, or check its permissions. Nothing was committed beyond it.',
  STATE_TOO_NEW:
    'The state was written by a newer version of the application: this node leaves the task to others. Upgrade it, or reset the application.',
  STATE_INCOMPATIBLE:
    'Say how the earlier layout is read (evolved, with the serde it had), or reset the application to begin anew.',
  STATE_MISUSED: 'This is a defect of the caller: report it.',
} as const

export type StateErrorCode = keyof typeof stateErrors

/** An error of the state layer. `message` says what happened, `remedy` what to do. */
export class StateError extends Error {
  readonly code: StateErrorCode
  constructor(code: StateErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StateError'
    this.code = code
  }

  get remedy(): string {
    return stateErrors[this.code]
  }
}
