import { TickerError } from './errors.ts'

/** Milliseconds, or a number with its unit: "250 ms", "2.5 s", "10 m", "1 h", "7 d". */
export type Duration = number | `${number} ${'ms' | 's' | 'm' | 'h' | 'd'}`

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Whole milliseconds, not negative. @throws TickerError TOPOLOGY_DURATION_INVALID */
export function milliseconds(duration: Duration): number {
  const value = signedMilliseconds(duration)
  if (value < 0) throw invalid(duration)
  return value
}

/** Whole milliseconds of either sign: a distance in time. @throws TickerError TOPOLOGY_DURATION_INVALID */
export function signedMilliseconds(duration: Duration): number {
  const match = typeof duration === 'number' ? undefined : /^(-?\d+(?:\.\d+)?) (ms|s|m|h|d)$/.exec(duration)
  const value =
    typeof duration === 'number' ? duration : Number(match?.[1]) * (units[match?.[2] ?? ''] ?? Number.NaN)
  if (!Number.isSafeInteger(value)) throw invalid(duration)
  return value
}

function invalid(duration: Duration): TickerError {
  return new TickerError('TOPOLOGY_DURATION_INVALID', `${JSON.stringify(duration)} is not a duration`)
}
