import { TickerError } from './errors.ts'

/** Milliseconds, or a number with its unit: "250 ms", "2.5 s", "10 m", "1 h", "7 d". */
export type Duration = number | `${number} ${'ms' | 's' | 'm' | 'h' | 'd'}`

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Whole milliseconds, not negative.
 * @param what the error is to name: an operator and its option, say
 * @throws TickerError TOPOLOGY_DURATION_INVALID
 */
export function milliseconds(duration: Duration, what?: string): number {
  const value = signedMilliseconds(duration, what)
  if (value < 0) throw invalid(duration, what)
  return value
}

/** Whole milliseconds of either sign: a distance in time. @throws TickerError TOPOLOGY_DURATION_INVALID */
export function signedMilliseconds(duration: Duration, what?: string): number {
  const match = typeof duration === 'number' ? undefined : /^(-?\d+(?:\.\d+)?) (ms|s|m|h|d)$/.exec(duration)
  const value =
    typeof duration === 'number' ? duration : Number(match?.[1]) * (units[match?.[2] ?? ''] ?? Number.NaN)
  if (!Number.isSafeInteger(value)) throw invalid(duration, what)
  return value
}

function invalid(duration: Duration, what: string | undefined): TickerError {
  const where = what === undefined ? '' : `${what}: `
  return new TickerError('TOPOLOGY_DURATION_INVALID', `${where}${JSON.stringify(duration)} is not a duration`)
}
