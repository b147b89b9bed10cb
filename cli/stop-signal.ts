/**
 * The request to stop: Ctrl-C, or SIGTERM of a supervisor. The first aborts the returned signal, and the command
 * stops cleanly; another one at least `patience` milliseconds later ends the process at once with code 130. Earlier
 * ones are the first once more: npm passes on to its child what the terminal has already sent to both.
 */
export function stopSignal({
  source = process,
  now = Date.now,
  exit = process.exit,
  patience = 1000,
}: {
  source?: NodeJS.EventEmitter
  now?: () => number
  exit?: (code: number) => void
  patience?: number
} = {}): AbortSignal {
  const controller = new AbortController()
  let first: number | undefined
  const request = () => {
    if (first === undefined) {
      first = now()
      controller.abort()
    } else if (now() - first >= patience) {
      exit(130)
    }
  }
  source.on('SIGINT', request)
  source.on('SIGTERM', request)
  return controller.signal
}
