import { ApplicationError } from '../errors.ts'
import type { RecordingEvent } from './event.ts'

/** How many times faster than it happened event time passes; `max`: as fast as it is taken. */
export type Speed = number | 'max'

export interface PacerOptions {
  readonly speed: Speed
  /** A clock in milliseconds; only its differences count. */
  readonly now: () => number
  /** Resolves after so many milliseconds. */
  readonly sleep: (milliseconds: number) => Promise<void>
}

/** The longest sleep, so that a consumer that stops is never kept waiting; and the shortest, so that events come in groups. */
const LONGEST = 250
const SHORTEST = 20

/** `1`, `0.5`, `20`, `max`. @throws ApplicationError SPEED_INVALID */
export function parseSpeed(text: string): Speed {
  if (text === 'max') return 'max'
  const speed = Number(text)
  if (text.trim() !== '' && Number.isFinite(speed) && speed > 0) return speed
  throw new ApplicationError('SPEED_INVALID', `"${text}" is not a speed`)
}

/**
 * Holds events back until their time has come: `speed` × the time passed since the first one was taken has reached
 * the event time since the first one. Order is kept: a reading that comes behind later ones leaves with them, and so
 * does what has no event time of its own.
 */
export async function* pace(
  chunks: AsyncIterable<readonly RecordingEvent[]> | Iterable<readonly RecordingEvent[]>,
  { speed, now, sleep }: PacerOptions,
): AsyncGenerator<readonly RecordingEvent[]> {
  if (speed === 'max') {
    yield* chunks
    return
  }
  let origin: number | undefined
  let started = 0
  for await (const chunk of chunks) {
    let released = 0
    for (let next = 0; next < chunk.length; next++) {
      const event = chunk[next]!
      if (event.kind !== 'reading') continue
      if (origin === undefined) {
        origin = event.reading.stamp
        started = now()
      }
      const due = started + (event.reading.stamp - origin) / speed
      if (due <= now()) continue
      if (next > released) yield chunk.slice(released, next)
      released = next
      for (let wait = due - now(); wait > 0; wait = due - now())
        await sleep(Math.min(Math.max(wait, SHORTEST), LONGEST))
    }
    if (released < chunk.length) yield chunk.slice(released)
  }
}

/** Holds events back so that at most `rate` readings a second leave, and no more than a chunk at once. */
export async function* throttle(
  chunks: AsyncIterable<readonly RecordingEvent[]> | Iterable<readonly RecordingEvent[]>,
  { rate, now, sleep }: { readonly rate: number } & Omit<PacerOptions, 'speed'>,
): AsyncGenerator<readonly RecordingEvent[]> {
  let due = now()
  for await (const chunk of chunks) {
    const most = Math.max(1, Math.floor((rate * SHORTEST) / 1000))
    for (let first = 0; first < chunk.length; first += most) {
      for (let wait = due - now(); wait > 0; wait = due - now()) await sleep(Math.min(wait, LONGEST))
      const part = chunk.slice(first, first + most)
      yield part
      const readings = part.filter(({ kind }) => kind === 'reading').length
      // Time that the consumer took is not made up for: it would come as a burst.
      due = Math.max(due, now() - LONGEST) + (readings * 1000) / rate
    }
  }
}
