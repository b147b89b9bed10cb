import { ApplicationError } from '../errors.ts'

const MINUTE = 60_000
const DAY = 86_400_000

/**
 * A reader of one file's local time stamps, `YYYY-MM-DD HH:MM:SS` with up to nine digits of fraction (cut to
 * milliseconds), as milliseconds since the epoch, UTC; NaN for other text.
 *
 * Where the clocks change, a local time is no instant by itself. A time that never was (spring) is moved on by the
 * hour left out, as java.time and Temporal do. A time that came twice (autumn) is taken to be the instant nearer to
 * the stamp read before it, so that a watch worn through that night goes through both hours; the first stamp of a
 * file is taken for the earlier one. Hence one reader per file, and the same rows give the same instants always.
 * @throws ApplicationError TIME_ZONE_UNKNOWN
 */
export function stampReader(timeZone: string): (text: string) => number {
  const instantsOf = zone(timeZone)
  let minute: string | undefined // "YYYY-MM-DD HH:MM:" of the stamp before, because few stamps begin a new one
  let earlier = Number.NaN
  let later = Number.NaN
  let previous = Number.NEGATIVE_INFINITY

  return text => {
    if (minute === undefined || !text.startsWith(minute)) {
      const start = startOfMinute(text)
      if (Number.isNaN(start)) return start
      minute = text.slice(0, 17)
      ;[earlier, later] = instantsOf(start)
    }
    const rest = milliseconds(text)
    const first = earlier + rest
    const second = later + rest
    const stamp = Math.abs(second - previous) < Math.abs(first - previous) ? second : first
    if (!Number.isNaN(stamp)) previous = stamp
    return stamp
  }
}

/** The stamp as `stampReader('UTC')` reads it. */
export function formatStamp(stamp: number): string {
  return new Date(stamp).toISOString().replace('T', ' ').slice(0, -1)
}

/** Milliseconds since the epoch as if the text were UTC. */
function startOfMinute(text: string): number {
  const parts = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):/.exec(text)
  if (parts === null) return Number.NaN
  const [year, month, day, hour, minute] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const start = Date.UTC(year, month - 1, day, hour, minute)
  // Date.UTC carries over (February 30 becomes March); such a date is no date.
  return formatStamp(start).startsWith(text.slice(0, 17)) ? start : Number.NaN
}

/** The part of the stamp after the minute. */
function milliseconds(text: string): number {
  const tens = text.charCodeAt(17) - 48
  const ones = text.charCodeAt(18) - 48
  if (!(tens >= 0 && tens <= 5 && ones >= 0 && ones <= 9)) return Number.NaN
  let value = 0
  if (text.length > 19) {
    if (text.charCodeAt(19) !== 46 || text.length === 20 || text.length > 29) return Number.NaN
    for (let i = 20; i < text.length; i++) {
      const digit = text.charCodeAt(i) - 48
      if (!(digit >= 0 && digit <= 9)) return Number.NaN
      if (i < 23) value = value * 10 + digit
    }
    for (let i = text.length; i < 23; i++) value *= 10
  }
  return (tens * 10 + ones) * 1000 + value
}

/** The instants that a local time (given as if it were UTC) may mean, the earlier first; twice the same as a rule. */
function zone(timeZone: string): (local: number) => [number, number] {
  if (timeZone === 'UTC') return local => [local, local]
  const offsetAt = zoneOffset(timeZone)
  return local => {
    const before = offsetAt(local - DAY)
    const after = offsetAt(local + DAY)
    const candidates = [local - before, local - after].filter(
      instant => local - offsetAt(instant) === instant,
    )
    if (candidates.length === 0) return [local - before, local - before]
    return [Math.min(...candidates), Math.max(...candidates)]
  }
}

/** How far the zone's local time is ahead of UTC at an instant, in milliseconds, to the minute. */
function zoneOffset(timeZone: string): (instant: number) => number {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    })
  } catch (cause) {
    throw new ApplicationError('TIME_ZONE_UNKNOWN', `there is no time zone "${timeZone}"`, { cause })
  }
  return instant => {
    const at: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(instant)) at[type] = Number(value)
    const local = Date.UTC(at.year!, at.month! - 1, at.day!, at.hour!, at.minute!)
    return local - Math.floor(instant / MINUTE) * MINUTE
  }
}
