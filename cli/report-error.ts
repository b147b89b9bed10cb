import { CommanderError } from 'commander'

/** Exit codes: 0 done, 1 failed, 2 called wrongly. */
export const failed = 1
export const misused = 2

/** What to do about the errors of the operating system that a user meets; others speak for themselves. */
const systemRemedies: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Another program listens there: stop it, or choose another address.',
  EACCES: 'Check the permissions.',
  EPERM: 'Check the permissions.',
  ENOENT: 'Check the path.',
  ENOSPC: 'Free some space on the disk.',
}

/**
 * Prints an error for a person: `CODE: message`, and on the next line what to do about it. The stack comes with
 * `debug` only.
 * @returns the exit code
 */
export function reportError(
  error: unknown,
  { debug }: { debug: boolean },
  print: (line: string) => void,
): number {
  // Commander has printed its own message (or the help that was asked for).
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : misused
  if (!(error instanceof Error)) {
    print(`error: ${String(error)}`)
    return failed
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const remedy =
    'remedy' in error && typeof error.remedy === 'string' ? error.remedy : code && systemRemedies[code]
  const message = firstLine(error.message) || error.name
  print(code && !message.startsWith(code) ? `${code}: ${message}` : message)
  if (remedy) print(remedy)
  else if (!code) print('This is a defect: run the command again with --debug and report what it prints.')
  if (debug) print(stackOf(error))
  return failed
}

/** Messages of libraries may go on with context that only a developer reads. */
function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? ''
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return `${error.stack ?? error.message}${cause}`
}
