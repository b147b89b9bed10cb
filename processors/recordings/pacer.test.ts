import { describe, expect, it } from 'vitest'
import type { SensorReading } from '../../schemas/index.ts'
import type { RecordingEvent } from './event.ts'
import { rowReader } from './format.ts'
import { pace, parseSpeed, type Speed, throttle } from './pacer.ts'

const blank = rowReader(
  '',
  () => 1e12,
  () => 1e12,
)(','.repeat(19)) as SensorReading
const reading = (stamp: number): RecordingEvent => ({ kind: 'reading', reading: { ...blank, stamp } })
const end: RecordingEvent = { kind: 'end', deviceId: '', stamp: 0 }

/** When each event left, on a clock that only sleeping moves. */
async function released(chunks: RecordingEvent[][], speed: Speed): Promise<[number, RecordingEvent][]> {
  let clock = 5000
  const sleep = async (milliseconds: number): Promise<void> => {
    clock += milliseconds
  }
  const out: [number, RecordingEvent][] = []
  for await (const chunk of pace(chunks, { speed, now: () => clock, sleep }))
    for (const event of chunk) out.push([clock - 5000, event])
  return out
}

describe('pace', () => {
  const events = [reading(1e12), reading(1e12 + 1000), reading(1e12 + 500), reading(1e12 + 4000), end]

  it('releases an event when its time has come, in order', async () => {
    const out = await released([events.slice(0, 2), events.slice(2)], 2)
    expect(out.map(([, event]) => event)).toEqual(events)
    expect(out.map(([at]) => at)).toEqual([0, 500, 500, 2000, 2000])
  })

  it('does not wait at full speed', async () => {
    expect((await released([events], 'max')).map(([at]) => at)).toEqual([0, 0, 0, 0, 0])
  })

  it('never sleeps so long that a stop would wait', async () => {
    const naps: number[] = []
    let clock = 0
    const sleep = async (milliseconds: number): Promise<void> => {
      naps.push(milliseconds)
      clock += milliseconds
    }
    for await (const _ of pace([[reading(0), reading(60_000)]], { speed: 1, now: () => clock, sleep }));
    expect(Math.max(...naps)).toBeLessThanOrEqual(250)
  })
})

describe('parseSpeed', () => {
  it('takes positive numbers and max', () => {
    expect(['1', '0.5', '20', 'max'].map(parseSpeed)).toEqual([1, 0.5, 20, 'max'])
  })

  it.each(['', '0', '-1', 'fast', 'Infinity', '1x'])('refuses "%s"', text => {
    expect(() => parseSpeed(text)).toThrow(expect.objectContaining({ code: 'SPEED_INVALID' }))
  })
})

describe('throttle', () => {
  /** When each reading left; the consumer takes `pause` for each chunk, on a clock that only it and sleeping move. */
  const left = async (rate: number, chunks: RecordingEvent[][], pause = 0): Promise<number[]> => {
    let clock = 5000
    const sleep = async (milliseconds: number): Promise<void> => {
      clock += milliseconds
    }
    const out: number[] = []
    for await (const chunk of throttle(chunks, { rate, now: () => clock, sleep })) {
      for (const _ of chunk) out.push(clock - 5000)
      clock += pause
    }
    return out
  }
  const readings = (count: number): RecordingEvent[] =>
    Array.from({ length: count }, (_, i) => reading(1e12 + i))

  it('lets as many readings a second through as it is told to, whatever their stamps and chunks', async () => {
    for (const rate of [5, 1000, 25_000]) {
      const times = await left(rate, [readings(rate), readings(3 * rate)])
      expect(times).toHaveLength(4 * rate)
      expect(times.at(-1)! / 1000).toBeGreaterThan(3.7)
      expect(times.at(-1)! / 1000).toBeLessThanOrEqual(4)
      // No second has more than its share, but for one group.
      const apart = times.slice(rate).map((time, i) => time - times[i]!)
      expect(apart.reduce((least, each) => Math.min(least, each))).toBeGreaterThan(970)
    }
  })

  it('does not make up for a slow consumer with a burst', async () => {
    const times = await left(1000, [readings(4000)], 100)
    expect(times.at(-1)! / 1000).toBeGreaterThan(19)
  })
})
