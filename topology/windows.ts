/** Windows over event time. Which windows there are, which of them contain a time, and until when each takes records. */
import { type Duration, milliseconds } from './duration.ts'
import { TickerError } from './errors.ts'

/** Aligned to the epoch: a window is [start, start + size), and starts are multiples of the advance. */
export interface TimeWindows {
  readonly kind: 'time'
  /** Milliseconds. */
  readonly size: number
  /** Milliseconds from one window's start to the next one's. */
  readonly advance: number
  /** Milliseconds after its end for which a window still takes records. */
  readonly grace: number
}

/**
 * Where records are: for each record at t the window [t - difference, t], and the one that begins right after it,
 * [t + 1, t + 1 + difference], if another record is in that. Both ends are inclusive. A record nearer to 0 than the
 * difference is in [0, difference].
 */
export interface SlidingWindows {
  readonly kind: 'sliding'
  /** Milliseconds from a window's first instant to its last. */
  readonly difference: number
  /** Milliseconds after its end for which a window still takes records. */
  readonly grace: number
}

/**
 * As long as activity lasts: records of a key that are at most `gap` apart are in one session, from the first one's time to
 * the last one's, both inclusive. A record between two sessions makes one of them.
 */
export interface SessionWindows {
  readonly kind: 'session'
  /** Milliseconds without a record after which a session is over. */
  readonly gap: number
  /** Milliseconds after that for which it still takes records. */
  readonly grace: number
}

/** One window that begins and never ends. */
export interface UnlimitedWindows {
  readonly kind: 'unlimited'
  /** Milliseconds since the epoch. Earlier records have no window. */
  readonly start: number
}

export type Windows = TimeWindows | SlidingWindows | SessionWindows | UnlimitedWindows

/**
 * Windows that overlap where `advance` is smaller than `size`.
 * @throws TickerError TOPOLOGY_WINDOW_INVALID, TOPOLOGY_DURATION_INVALID
 *
 * @example
 * ```ts
 * builder
 *   .stream('pulses', { key: string, value: long })
 *   .groupByKey()
 *   .window('windows', hopping({ size: '10 s', advance: '5 s', grace: 0 }))
 *   .count()
 *   .toStream()
 *   .forEach((count, { start, end }) => console.log(start, end, count))
 *
 * const driver = await TopologyTestDriver.start(builder.build())
 * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 12_000 })
 * // → 5000 15000 1
 * // → 10000 20000 1
 * ```
 */
export function hopping(options: { size: Duration; advance: Duration; grace: Duration }): TimeWindows {
  return timeWindows('hopping', options)
}

function timeWindows(
  name: string,
  options: { size: Duration; advance: Duration; grace: Duration },
): TimeWindows {
  const windows = {
    kind: 'time' as const,
    size: milliseconds(options.size, `size of ${name} windows`),
    advance: milliseconds(options.advance, `advance of ${name} windows`),
    grace: milliseconds(options.grace, `grace of ${name} windows`),
  }
  if (windows.size <= 0 || windows.advance <= 0 || windows.advance > windows.size) {
    throw new TickerError(
      'TOPOLOGY_WINDOW_INVALID',
      `${name}: no windows of ${windows.size} ms every ${windows.advance} ms`,
    )
  }
  return windows
}

/**
 * Windows that follow each other without overlap.
 * @throws TickerError TOPOLOGY_WINDOW_INVALID, TOPOLOGY_DURATION_INVALID
 *
 * @example
 * ```ts
 * builder
 *   .stream('pulses', { key: string, value: long })
 *   .groupByKey()
 *   .window('windows', tumbling({ size: '10 s', grace: '2 s' }))
 *   .count()
 *   .toStream()
 *   .forEach((count, { start, end }) => console.log(start, end, count))
 *
 * const driver = await TopologyTestDriver.start(builder.build())
 * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 12_000 })
 * // → 10000 20000 1
 * ```
 */
export function tumbling(options: { size: Duration; grace: Duration }): TimeWindows {
  return timeWindows('tumbling', { size: options.size, advance: options.size, grace: options.grace })
}

/**
 * Windows that begin and end at records.
 * @throws TickerError TOPOLOGY_DURATION_INVALID
 *
 * @example
 * ```ts
 * builder
 *   .stream('pulses', { key: string, value: long })
 *   .groupByKey()
 *   .window('windows', sliding({ difference: '10 s', grace: 0 }))
 *   .count()
 *   .toStream()
 *   .forEach((count, { start, end }) => console.log(start, end, count))
 *
 * const driver = await TopologyTestDriver.start(builder.build())
 * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 12_000 })
 * await driver.pipe('pulses', { key: 'anna', value: 91, timestamp: 15_000 })
 * // → 2000 12000 1
 * // → 12001 22001 1
 * // → 5000 15000 2
 * ```
 */
export function sliding(options: { difference: Duration; grace: Duration }): SlidingWindows {
  return {
    kind: 'sliding',
    difference: milliseconds(options.difference, 'difference of sliding windows'),
    grace: milliseconds(options.grace, 'grace of sliding windows'),
  }
}

/**
 * Windows as long as activity lasts.
 * @throws TickerError TOPOLOGY_DURATION_INVALID
 *
 * @example
 * ```ts
 * builder
 *   .stream('pulses', { key: string, value: long })
 *   .groupByKey()
 *   .window('windows', session({ gap: '10 s', grace: 0 }))
 *   .count()
 *   .toStream()
 *   .forEach((count, { start, end }) => console.log(start, end, count))
 *
 * const driver = await TopologyTestDriver.start(builder.build())
 * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 12_000 })
 * await driver.pipe('pulses', { key: 'anna', value: 91, timestamp: 15_000 }) // the session has another end now
 * // → 12000 12000 1
 * // → 12000 12000 null
 * // → 12000 15000 2
 * ```
 */
export function session(options: { gap: Duration; grace: Duration }): SessionWindows {
  return {
    kind: 'session',
    gap: milliseconds(options.gap, 'gap of sessions'),
    grace: milliseconds(options.grace, 'grace of sessions'),
  }
}

/**
 * One window per key, from `start` (milliseconds since the epoch) on. It never closes.
 * @throws TickerError TOPOLOGY_WINDOW_INVALID
 *
 * @example
 * ```ts
 * builder
 *   .stream('pulses', { key: string, value: long })
 *   .groupByKey()
 *   .window('this-year', unlimited({ start: Date.UTC(2026, 0) }))
 *   .count()
 *   .toStream()
 *   .forEach((count, { key }) => console.log(key, count))
 *
 * const driver = await TopologyTestDriver.start(builder.build())
 * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: Date.UTC(2025, 11, 31) })
 * await driver.pipe('pulses', { key: 'anna', value: 91, timestamp: Date.UTC(2026, 0, 1) })
 * // → anna 1
 * ```
 */
export function unlimited(options: { start?: number } = {}): UnlimitedWindows {
  const { start = 0 } = options
  if (!Number.isSafeInteger(start) || start < 0)
    throw new TickerError('TOPOLOGY_WINDOW_INVALID', `unlimited: no window begins at ${start}`)
  return { kind: 'unlimited', start }
}

/** Milliseconds from a window's start to its end. */
export function lengthOf(windows: Exclude<Windows, SessionWindows>): number {
  switch (windows.kind) {
    case 'time':
      return windows.size
    case 'sliding':
      return windows.difference
    case 'unlimited':
      return Number.POSITIVE_INFINITY
  }
}

/** Milliseconds after its end until a window is final: what `suppress` waits for. */
export function timeToClose(windows: Windows): number {
  switch (windows.kind) {
    case 'session':
      return windows.gap + windows.grace
    case 'unlimited':
      return Number.POSITIVE_INFINITY
    default:
      return windows.grace
  }
}

/** Milliseconds for which a store must keep a window so that it can still take records. */
export function leastRetention(windows: Windows): number {
  switch (windows.kind) {
    case 'time':
      return windows.size + windows.grace
    case 'sliding':
      // A record makes its windows from those that end just before it.
      return 2 * windows.difference + windows.grace
    case 'session':
      return windows.gap + windows.grace
    case 'unlimited':
      return Number.POSITIVE_INFINITY
  }
}

/**
 * The greatest window start that is closed when stream time has reached `time`: a window takes records while
 * end + grace > time (Kafka Streams' rule).
 */
export function lastClosedStart(windows: TimeWindows, time: number): number {
  return Math.floor((time - windows.size - windows.grace) / windows.advance) * windows.advance
}

/** The earliest window that contains `time`; no window starts before 0. */
export function firstWindowStart(windows: TimeWindows, time: number): number {
  const first = Math.floor((time - windows.size) / windows.advance) * windows.advance + windows.advance
  return first < 0 ? 0 : first
}

/** The latest window that contains `time`. */
export function lastWindowStart(windows: TimeWindows, time: number): number {
  return Math.floor(time / windows.advance) * windows.advance
}

/** A key in a window, as in Kafka Streams' Windowed. */
export interface Windowed<K> {
  readonly key: K
  readonly start: number
  /** Exclusive for tumbling and hopping windows, inclusive for sliding ones and sessions, infinite for unlimited ones. */
  readonly end: number
}

/**
 * The samples of one closed window, in order of their timestamps. A view: it is valid during the call that receives
 * it, and reused afterwards, so copy what you keep.
 */
export interface WindowSamples<F extends string> {
  readonly start: number
  /** Exclusive. */
  readonly end: number
  /** At least 1: a window without samples does not exist. */
  readonly count: number
  /** `count` event times, milliseconds, ascending. */
  readonly timestamps: Float64Array
  /** `count` values of a collected field, in the order of `timestamps`; NaN where the field was null. */
  column(field: F): Float64Array
}
