import type { SensorReading } from '../../schemas/index.ts'
import type { RecordingEvent } from '../recordings/event.ts'
import type { GeneratorProfile } from './profile.ts'
import { seeded } from './random.ts'
import { watches } from './watch.ts'

export interface GeneratorOptions {
  readonly profile: GeneratorProfile
  /** How many watches; they wear the profile's people in turn. */
  readonly devices: number
  /** The same options give the same readings. A whole number. */
  readonly seed: number
  /** Event time of the beginning, milliseconds since the epoch, UTC. */
  readonly start: number
  /** Milliseconds of event time, after which every device ends; without it there is no end. */
  readonly duration?: number
  /** The share of readings that arrive late. Default 0.01. */
  readonly delayedShare?: number
  /** The longest delay, milliseconds. Default 1200. */
  readonly maxDelay?: number
}

const CHUNK = 1000

/**
 * New readings of many watches that keep the profile's statistics, in chunks, in the order of their arrival: by event
 * time, except for those delayed, which come up to `maxDelay` behind. Every reading names its true activity.
 */
export function* generate(options: GeneratorOptions): Generator<readonly RecordingEvent[]> {
  const { profile, devices, seed, start, duration = Number.POSITIVE_INFINITY } = options
  const { delayedShare = 0.01, maxDelay = 1200 } = options
  const step = 1000 / profile.rate
  const worn = watches(profile, devices, seed)
  const random = seeded(seed, 0)
  // Watches do not tick together: each has its own place within a step.
  const order = worn
    .map(watch => ({ watch, offset: Math.floor(random() * step), latest: Number.NEGATIVE_INFINITY }))
    .sort((a, b) => a.offset - b.offset)
  const late: { arrival: number; event: RecordingEvent }[] = []
  let chunk: RecordingEvent[] = []

  for (let tick = 0; tick * step < duration; tick++) {
    const now = start + Math.floor(tick * step)
    for (const device of order) {
      const stamp = now + device.offset
      while (late.length > 0 && late[0]!.arrival <= stamp) chunk.push(late.shift()!.event)
      const reading: SensorReading | undefined = device.watch.next(stamp)
      if (reading === undefined) continue
      device.latest = stamp
      if (random() < delayedShare) {
        const arrival = stamp + random() * maxDelay
        const behind = late.findIndex(other => other.arrival > arrival)
        late.splice(behind < 0 ? late.length : behind, 0, { arrival, event: { kind: 'reading', reading } })
      } else chunk.push({ kind: 'reading', reading })
    }
    if (chunk.length >= CHUNK) {
      yield chunk
      chunk = []
    }
  }
  for (const { event } of late) chunk.push(event)
  for (const { watch, latest } of order)
    if (latest > Number.NEGATIVE_INFINITY)
      chunk.push({ kind: 'end', deviceId: watch.deviceId, stamp: latest })
  yield chunk
}
