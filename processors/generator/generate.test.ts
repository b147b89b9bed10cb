import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { SensorReading } from '../../schemas/index.ts'
import type { RecordingEvent } from '../recordings/event.ts'
import { openRecordings } from '../recordings/reader.ts'
import { writeRecordings } from '../recordings/writer.ts'
import { type GeneratorOptions, generate } from './generate.ts'
import { channels, type GeneratorProfile, shippedProfile } from './profile.ts'

const start = Date.UTC(2024, 4, 1)
let profile: GeneratorProfile
let options: GeneratorOptions
beforeAll(async () => {
  profile = await shippedProfile('watch')
  options = { profile, devices: 3, seed: 1, start, duration: 60_000 }
})

const events = (changes: Partial<GeneratorOptions>): RecordingEvent[] =>
  Array.from(generate({ ...options, ...changes })).flat()

const readings = (changes: Partial<GeneratorOptions>): SensorReading[] =>
  events(changes).flatMap(event => (event.kind === 'reading' ? [event.reading] : []))

describe('generate', () => {
  it('gives the same for the same seed, and else something else', () => {
    expect(events({})).toEqual(events({}))
    expect(readings({ seed: 2 })[100]).not.toEqual(readings({})[100])
  })

  it('gives every device a reading each tenth of a second, and an end', () => {
    const all = events({})
    for (const deviceId of ['watch-1', 'watch-2', 'watch-3']) {
      const stamps = all
        .flatMap(event =>
          event.kind === 'reading' && event.reading.deviceId === deviceId ? [event.reading.stamp] : [],
        )
        .sort((a, b) => a - b)
      expect(stamps).toHaveLength(600)
      expect(stamps[0]).toBeGreaterThanOrEqual(start)
      expect(stamps[0]).toBeLessThan(start + 100)
      expect(stamps.every((stamp, i) => stamp === stamps[0]! + i * 100)).toBe(true)
      expect(all).toContainEqual({ kind: 'end', deviceId, stamp: stamps.at(-1) })
    }
    expect(all.slice(-3).every(event => event.kind === 'end')).toBe(true)
  })

  it('delays the share of readings that it is told to, by no more than it is told to', () => {
    const behind = (changes: Partial<GeneratorOptions>): number[] => {
      let latest = 0
      return readings({ duration: 600_000, ...changes }).flatMap(({ stamp }) => {
        latest = Math.max(latest, stamp)
        return stamp < latest ? [latest - stamp] : []
      })
    }
    expect(behind({ delayedShare: 0 })).toEqual([])
    const delays = behind({ delayedShare: 0.05, maxDelay: 1500 })
    expect(delays.length / 18_000).toBeGreaterThan(0.04)
    expect(delays.length / 18_000).toBeLessThan(0.06)
    expect(Math.max(...delays)).toBeGreaterThan(1000)
    expect(Math.max(...delays)).toBeLessThanOrEqual(1500)
  })

  it('leaves out the share of cells that the profile says', () => {
    const missing = { ...profile.missing, pitch: 0.1, batteryState: 1 }
    const made = readings({ duration: 600_000, profile: { ...profile, missing } })
    const share = made.filter(reading => reading.pitch === null).length / made.length
    expect(share).toBeCloseTo(0.1, 1)
    expect(made.every(({ batteryState, roll }) => batteryState === null && roll !== null)).toBe(true)
  })

  it('stays in activities and goes between them as the profile says', () => {
    const labels = ['soup', 'typing', 'walking']
    const dwell = {
      soup: { mean: 40, std: 10 },
      typing: { mean: 20, std: 0 },
      walking: { mean: 60, std: 30 },
    }
    const transitions = { soup: { typing: 0.8, walking: 0.2 }, typing: { walking: 1 }, walking: { soup: 1 } }
    const made = readings({
      devices: 1,
      duration: 4 * 3_600_000,
      delayedShare: 0,
      profile: { ...profile, labels, dwell, transitions },
    })
    const stays: { label: string; seconds: number }[] = []
    for (const { userActivityLabel } of made) {
      const last = stays.at(-1)
      if (last?.label === userActivityLabel) last.seconds += 0.1
      else stays.push({ label: userActivityLabel!, seconds: 0.1 })
    }
    stays.shift() // the first begins in the middle
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
    for (const label of labels) {
      const seconds = stays.filter(stay => stay.label === label).map(stay => stay.seconds)
      expect(Math.abs(mean(seconds) / dwell[label as keyof typeof dwell].mean - 1)).toBeLessThan(0.1)
    }
    const after = stays.flatMap(({ label }, i) =>
      label === 'soup' && stays[i + 1] ? [stays[i + 1]!.label] : [],
    )
    expect(mean(after.map(label => (label === 'typing' ? 1 : 0)))).toBeCloseTo(0.8, 1)
    expect(stays.some(({ label }, i) => label === 'typing' && stays[i + 1]?.label === 'soup')).toBe(false)
  })

  it('is written and read back as it is', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'generated-'))
    try {
      const written = events({ delayedShare: 0 })
      await writeRecordings(directory, [written], { gzip: true })
      const read: RecordingEvent[] = []
      for await (const chunk of (await openRecordings(directory, { now: () => start })).events())
        read.push(...chunk)
      const order = (all: RecordingEvent[]) => all.filter(event => event.kind === 'reading')
      expect(order(read)).toEqual(order(written))
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})

/**
 * What comes out, against the profile: for one person, each activity alone for half an hour. The tolerances are
 * what a handful of templates can do; single activities with rare large movements lie outside them.
 */
describe('statistics', () => {
  interface Deviation {
    /** Of the mean, in standard deviations. */
    mean: number
    /** Variance made ÷ variance wanted. */
    variance: number
    /** Of the correlation with the channel after it. */
    correlation: number
    channel: number
  }
  const deviations: Deviation[] = []

  beforeAll(() => {
    for (const label of profile.labels) deviations.push(...measure(4, label))
  })

  const share = (chosen: Deviation[], within: (deviation: Deviation) => boolean): number =>
    chosen.filter(within).length / chosen.length

  it('keep the means: 90 % within 0.25 standard deviations', () => {
    expect(share(deviations, ({ mean }) => Math.abs(mean) < 0.25)).toBeGreaterThan(0.9)
  })

  it('keep the variances: of motion 90 % within 25 %, of gravity 70 % within 40 %', () => {
    const motion = deviations.filter(({ channel }) => channel < 6)
    const gravity = deviations.filter(({ channel }) => channel >= 6)
    expect(share(motion, ({ variance }) => variance > 0.75 && variance < 1.25)).toBeGreaterThan(0.9)
    expect(share(gravity, ({ variance }) => variance > 0.6 && variance < 1.4)).toBeGreaterThan(0.7)
  })

  it('keep the correlations: 90 % within 0.2', () => {
    expect(share(deviations, ({ correlation }) => Math.abs(correlation) < 0.2)).toBeGreaterThan(0.9)
  })

  function measure(index: number, label: string): Deviation[] {
    const { id, activities } = profile.people[index]!
    const activity = activities[label]!
    const alone: GeneratorProfile = {
      ...profile,
      labels: [label],
      transitions: { [label]: { [label]: 1 } },
      people: [{ id, activities: { [label]: activity } }],
    }
    const made = readings({ profile: alone, devices: 1, duration: 1_800_000 }).map(vector)
    const size = channels.length
    const mean = channels.map((_, c) => made.reduce((sum, x) => sum + x[c]!, 0) / made.length)
    const covariance = (a: number, b: number): number =>
      made.reduce((sum, x) => sum + (x[a]! - mean[a]!) * (x[b]! - mean[b]!), 0) / made.length
    /** Place of (a, b) in the upper triangle, a ≤ b. */
    const wanted = (a: number, b: number): number =>
      activity.covariance[a * size - (a * (a - 1)) / 2 + b - a]!
    return channels.map((_, a) => {
      const b = (a + 1) % size
      const correlations = [
        covariance(a, b) / Math.sqrt(covariance(a, a) * covariance(b, b)),
        wanted(Math.min(a, b), Math.max(a, b)) / Math.sqrt(wanted(a, a) * wanted(b, b)),
      ] as const
      return {
        mean: (mean[a]! - activity.mean[a]!) / Math.sqrt(wanted(a, a)),
        variance: covariance(a, a) / wanted(a, a),
        correlation: correlations[0] - correlations[1],
        channel: a,
      }
    })
  }

  function vector(reading: SensorReading): number[] {
    const pitch = reading.pitch!
    const roll = reading.roll!
    return [
      reading.rotationRateX!,
      reading.rotationRateY!,
      reading.rotationRateZ!,
      reading.userAccelerationX!,
      reading.userAccelerationY!,
      reading.userAccelerationZ!,
      Math.sin(roll) * Math.cos(pitch),
      -Math.sin(pitch),
      -Math.cos(roll) * Math.cos(pitch),
    ]
  }
})
