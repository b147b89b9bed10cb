/** Where readings come from: recordings, or the generator. */
import { setTimeout as sleep } from 'node:timers/promises'
import { generate } from '../../processors/generator/generate.ts'
import { shippedProfile } from '../../processors/generator/profile.ts'
import type { RecordingEvent } from '../../processors/recordings/event.ts'
import { pace, parseSpeed, throttle } from '../../processors/recordings/pacer.ts'
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

/** Opens what the options name, and checks it, before anything is streamed. @throws ApplicationError */
export async function openSource(options: RunOptions): Promise<Source> {
  const pacing = { now: () => performance.now(), sleep: (ms: number) => sleep(ms) }
  if (options.recordings !== undefined) {
    const speed = parseSpeed(options.speed ?? '1')
    const recordings = await openRecordings(options.recordings, { timeZone: options.timezone, now: Date.now })
    const count = recordings.devices.length
    return {
      description: `${count} recording${count === 1 ? '' : 's'} of ${options.recordings}, ${speed === 'max' ? 'as fast as possible' : `speed ${speed}`}`,
      ends: true,
      events: () => pace(recordings.events(), { speed, ...pacing }),
    }
  }
  const profile = await shippedProfile(options.model)
  const { devices, seed, rate } = options
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
