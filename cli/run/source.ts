/** Where readings come from: recordings, or the generator. */
import { setTimeout as sleep } from 'node:timers/promises'
import { generate } from '../../processors/generator/generate.ts'
import { shippedProfile } from '../../processors/generator/profile.ts'
import type { RecordingEvent } from '../../processors/recordings/event.ts'
import { pace, throttle } from '../../processors/recordings/pacer.ts'
import { openRecordings } from '../../processors/recordings/reader.ts'
import type { RunOptions } from './options.ts'

export interface Source {
  /** For people. */
  readonly description: string
  /** Whether it ends by itself. */
  readonly ends: boolean
  events(): AsyncIterable<readonly RecordingEvent[]>
}

/** Event time may pass faster than the clock: it begins so far back (a year) that it does not come to absurd stamps. */
const HEAD_START = 365 * 86_400_000
/** Milliseconds between two questions whether there is anything to generate. */
const IDLE = 250

/** Opens what the options name, and checks it, before anything is streamed. @throws ApplicationError */
export async function openSource(options: RunOptions): Promise<Source> {
  const pacing = { now: () => performance.now(), sleep: (ms: number) => sleep(ms) }
  if (options.recordings !== undefined) {
    const { speed = 1 } = options
    const recordings = await openRecordings(options.recordings, { timeZone: options.timezone, now: Date.now })
    const count = recordings.devices.length
    return {
      description: `${count} recording${count === 1 ? '' : 's'} of ${options.recordings}, ${speed === 'max' ? 'as fast as possible' : `speed ${speed}`}`,
      ends: true,
      events: () => pace(recordings.events(), { speed, ...pacing }),
    }
  }
  const { devices, seed, rate } = options
  if (devices === 0) {
    return { description: 'those that others write', ends: false, events: () => none(pacing.sleep) }
  }
  const profile = await shippedProfile(options.model)
  const description = `${devices} generated watches, profile ${profile.name}, seed ${seed}`
  if (rate === undefined) {
    const events = () => generate({ profile, devices, seed, start: Date.now() })
    return { description, ends: false, events: () => pace(events(), { speed: 1, ...pacing }) }
  }
  const start = Date.now() - HEAD_START
  return {
    description: `${description}, ${rate} readings/s`,
    ends: false,
    events: () => throttle(generate({ profile, devices, seed, start }), { rate, ...pacing }),
  }
}

/** Nothing, for as long as it is asked. */
async function* none(
  sleep: (milliseconds: number) => Promise<void>,
): AsyncGenerator<readonly RecordingEvent[]> {
  for (;;) {
    await sleep(IDLE)
    yield []
  }
}
