/** How far long work has come, on the terminal: one line that is written over, or a line now and then where there is none. */

/** Milliseconds between two lines. */
const ON_TERMINAL = 200
const ELSEWHERE = 5000
/** After which work is long: for who waits at a terminal, and for who reads a log, where each line stays. */
const LONG = 2000
const LONG_ELSEWHERE = 10_000
/** Milliseconds over which the rate is taken. */
const RATE_OVER = 10_000

export interface Progress {
  /** @param suffix said behind the figures, such as `3 of 49 files` */
  update(done: number, total: number, suffix: string): void
  /** Ends the line. */
  end(): void
}

/** Of work that is counted in bytes. What was there before the first update does not count for the rate. */
export function byteProgress(
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean },
  now: () => number = Date.now,
): Progress {
  const every = stream.isTTY ? ON_TERMINAL : ELSEWHERE
  const seen: { at: number; done: number }[] = []
  let said = now()
  let open = false
  return {
    update(done, total, suffix) {
      const at = now()
      seen.push({ at, done })
      while (seen.length > 2 && at - seen[0]!.at > RATE_OVER) seen.shift()
      if (at - said < every) return
      said = at
      const first = seen[0]!
      const rate = at > first.at ? ((done - first.done) * 1000) / (at - first.at) : 0
      const left = rate > 0 ? `, ${inTime((total - done) / rate)} left` : ''
      const percent = total > 0 ? Math.floor((100 * done) / total) : 100
      const line = `${percent} %, ${inBytes(done)} of ${inBytes(total)}, ${inBytes(rate)}/s${left}, ${suffix}`
      stream.write(stream.isTTY ? `\r\x1b[K${line}` : `${line}\n`)
      open = stream.isTTY === true
    },
    end() {
      if (open) stream.write('\n')
      open = false
    },
  }
}

/**
 * Says on standard error how far work has come, where it takes longer than 2 s, or 10 s where that is no terminal; then every
 * 5 s, until the answer is called.
 * A timer of its own: work whose parts are silent for long is seen to go on.
 */
export function whileItTakesLong(
  words: () => string,
  say: (line: string) => void = line => void process.stderr.write(`${line}\n`),
  isTerminal = process.stderr.isTTY === true,
): () => void {
  let again: NodeJS.Timeout | undefined
  const first = setTimeout(
    () => {
      say(words())
      again = setInterval(() => say(words()), ELSEWHERE)
      again.unref()
    },
    isTerminal ? LONG : LONG_ELSEWHERE,
  )
  first.unref()
  return () => {
    clearTimeout(first)
    clearInterval(again)
  }
}

export function inBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

function inTime(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 120) return `${whole} s`
  if (whole < 7200) return `${Math.round(whole / 60)} min`
  return `${(whole / 3600).toFixed(1)} h`
}
