/** Windows over event time, aligned to the epoch: a window is [start, start + size), and starts are multiples of the advance. */
import { type Duration, milliseconds } from './duration.ts'
import { TickerError } from './errors.ts'

export interface TimeWindows {
  /** Milliseconds. */
  readonly size: number
  /** Milliseconds from one window's start to the next one's. */
  readonly advance: number
  /** Milliseconds after its end for which a window still takes records. */
  readonly grace: number
}

/** Windows that overlap where `advance` is smaller than `size`. @throws TickerError TOPOLOGY_WINDOW_INVALID */
export function hopping(options: { size: Duration; advance: Duration; grace: Duration }): TimeWindows {
  const windows = {
    size: milliseconds(options.size),
    advance: milliseconds(options.advance),
    grace: milliseconds(options.grace),
  }
  if (windows.size <= 0 || windows.advance <= 0 || windows.advance > windows.size) {
    throw new TickerError(
      'TOPOLOGY_WINDOW_INVALID',
      `no windows of ${windows.size} ms every ${windows.advance} ms`,
    )
  }
  return windows
}

/** Windows that follow each other without overlap. @throws TickerError TOPOLOGY_WINDOW_INVALID */
export function tumbling(options: { size: Duration; grace: Duration }): TimeWindows {
  return hopping({ size: options.size, advance: options.size, grace: options.grace })
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

/** A key in a window, as in Kafka Streams' Windowed: `end` is exclusive. */
export interface Windowed<K> {
  readonly key: K
  readonly start: number
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
