import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { SensorReading } from '../../schemas/index.ts'
import type { RecordingEvent } from '../recordings/event.ts'
import { openRecordings } from '../recordings/reader.ts'
import { writeRecordings } from '../recordings/writer.ts'
import { type GeneratorOptions, generate } from './generate.ts'
import {
  channels,
  decodeSizes,
  type GeneratorActivity,
  type GeneratorPerson,
  type GeneratorProfile,
  shippedProfile,
} from './profile.ts'

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

/** The profile of one of its people, changed. */
const alone = (index: number, changes: Partial<GeneratorPerson> = {}): GeneratorProfile => ({
  ...profile,
  people: [{ ...profile.people[index]!, ...changes }],
})

const always = (seconds: number): number[] => profile.timeLevels.map(() => seconds)

describe('generate', () => {
  it('gives the same for the same seed, and else something else', () => {
    expect(JSON.stringify(events({}))).toBe(JSON.stringify(events({})))
    expect(readings({ seed: 2 })[100]).not.toEqual(readings({})[100])
  })

  it('gives every device a reading each tenth of a second while it is worn, and an end', () => {
    const all = events({ duration: 600_000 })
    for (const deviceId of ['watch-1', 'watch-2', 'watch-3']) {
      const stamps = all
        .flatMap(event =>
          event.kind === 'reading' && event.reading.deviceId === deviceId ? [event.reading.stamp] : [],
        )
        .sort((a, b) => a - b)
      const steps = stamps.slice(1).map((stamp, i) => stamp - stamps[i]!)
      // The recordings of this profile have 30.1 s between activities.
      expect(new Set(steps)).toEqual(new Set([100, 30_100]))
      expect(stamps.length).toBeGreaterThan(4000)
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
    expect(delays.length / 16_000).toBeGreaterThan(0.035)
    expect(delays.length / 16_000).toBeLessThan(0.065)
    expect(Math.max(...delays)).toBeGreaterThan(1000)
    expect(Math.max(...delays)).toBeLessThanOrEqual(1500)
  })

  it('makes no more than it is asked for', () => {
    let chunks = 0
    for (const chunk of generate({ ...options, devices: 50, duration: Number.POSITIVE_INFINITY })) {
      expect(chunk.length).toBeLessThanOrEqual(1000 + 50)
      if (++chunks === 20) break
    }
  })

  it('leaves cells out as often, and for as long, as the profile says', () => {
    const missing = {
      pitch: { share: 0.1, run: 5 },
      yaw: { share: 0.9, run: 1 },
      batteryState: { share: 1, run: 1 },
    }
    const made = readings({
      devices: 1,
      duration: 3_600_000,
      delayedShare: 0,
      profile: alone(0, { missing }),
    })
    const absent = made.map(({ pitch }) => pitch === null)
    const runs = absent.filter((missing, i) => missing && !absent[i - 1]).length
    const cells = absent.filter(Boolean).length
    expect(cells / made.length).toBeCloseTo(0.1, 1)
    expect(cells / runs).toBeGreaterThan(4)
    expect(cells / runs).toBeLessThan(6)
    expect(made.filter(({ yaw }) => yaw === null).length / made.length).toBeCloseTo(0.9, 1)
    expect(made.every(({ batteryState, roll }) => batteryState === null && roll !== null)).toBe(true)
  })

  it('stays in activities, goes between them and rests as the profile says', () => {
    const { soup, typing, walking } = profile.people[2]!.activities as Record<string, GeneratorActivity>
    const activities = {
      soup: {
        ...soup!,
        dwell: profile.timeLevels.map(level => 20 + 40 * level),
        next: { typing: 8, walking: 2 },
        nextAfterGap: {},
        gap: [],
      },
      typing: {
        ...typing!,
        dwell: always(20),
        next: { walking: 1 },
        nextAfterGap: { soup: 3 },
        gap: always(90),
      },
      walking: { ...walking!, dwell: always(60), next: {}, nextAfterGap: { soup: 1 }, gap: always(31) },
    }
    const made = readings({
      devices: 1,
      duration: 20 * 3_600_000,
      delayedShare: 0,
      profile: alone(2, { activities }),
    })
    const stays: { label: string; seconds: number; gap: number }[] = []
    made.forEach(({ userActivityLabel, stamp }, i) => {
      const last = stays.at(-1)
      const step = i === 0 ? 100 : stamp - made[i - 1]!.stamp
      if (last !== undefined && step > 100) last.gap = step / 1000
      if (last?.label === userActivityLabel && step === 100) last!.seconds += 0.1
      else stays.push({ label: userActivityLabel!, seconds: 0.1, gap: 0 })
    })
    const whole = stays.slice(1, -1) // the first begins in the middle, the last is cut off
    const of = (label: string) => whole.filter(stay => stay.label === label)
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
    for (const [label, seconds] of [
      ['soup', 40],
      ['typing', 20],
      ['walking', 60],
    ] as const)
      expect(Math.abs(mean(of(label).map(stay => stay.seconds)) / seconds - 1)).toBeLessThan(0.08)
    const follows = (label: string, after: string): number =>
      mean(
        whole.flatMap((stay, i) =>
          stay.label === label && whole[i + 1] ? [whole[i + 1]!.label === after ? 1 : 0] : [],
        ),
      )
    expect(Math.abs(follows('soup', 'typing') - 0.8)).toBeLessThan(0.08)
    expect(Math.abs(follows('typing', 'soup') - 0.75)).toBeLessThan(0.08)
    expect(follows('walking', 'soup')).toBe(1)
    expect(of('soup').every(({ gap }) => gap === 0)).toBe(true)
    expect(of('walking').every(({ gap }) => Math.abs(gap - 31) < 0.05)).toBe(true)
    expect(Math.abs(mean(of('typing').map(({ gap }) => (gap > 0 ? 1 : 0))) - 0.75)).toBeLessThan(0.08)
  })

  it('turns yaw with the rotation about the vertical, and keeps angles within their bounds', () => {
    const made = readings({ devices: 1, duration: 60_000, delayedShare: 0 })
    const wrap = (angle: number): number => angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI))
    made.forEach((reading, i) => {
      const [pitch, roll, yaw] = [reading.pitch!, reading.roll!, reading.yaw!]
      expect(Math.abs(yaw)).toBeLessThanOrEqual(Math.PI + 1e-4)
      expect(Math.abs(roll)).toBeLessThanOrEqual(Math.PI + 1e-4)
      expect(Math.abs(pitch)).toBeLessThanOrEqual(Math.PI / 2 + 1e-4)
      const before = made[i - 1]
      if (before === undefined || reading.stamp - before.stamp > 100) return
      const [x, y, z] = vector(reading).slice(6) as [number, number, number]
      const turn =
        -(reading.rotationRateX! * x + reading.rotationRateY! * y + reading.rotationRateZ! * z) / 10
      expect(Math.abs(wrap(yaw - before.yaw! - turn))).toBeLessThan(1e-3)
    })
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
 * What comes out, against the profile: for some people, each activity alone for half an hour. The tolerances are what
 * a handful of templates can do; single activities with rare large movements lie outside them.
 */
describe.each(['watch', 'pocket'])('statistics of the profile %s', name => {
  interface Deviation {
    /** Of the mean, in standard deviations. */
    mean: number
    /** Variance made ÷ variance wanted. */
    variance: number
    /** Of the correlation with the channel after it. */
    correlation: number
    /** The largest difference of the distribution functions, at the profile's levels. */
    distribution: number
    /** Of the spectrum, dB, on average over the frequencies. */
    spectrum: number
    channel: number
  }
  const deviations: Deviation[] = []

  beforeAll(async () => {
    const shipped = await shippedProfile(name)
    const { activities } = shipped.people[4]!
    for (const label of Object.keys(activities))
      deviations.push(...measure(shipped, activities[label]!, label))
  })

  const share = (chosen: Deviation[], within: (deviation: Deviation) => boolean): number =>
    chosen.filter(within).length / chosen.length
  const motion = (): Deviation[] => deviations.filter(({ channel }) => channel < 6)
  const gravity = (): Deviation[] => deviations.filter(({ channel }) => channel >= 6)

  it('keep the means: 90 % within 0.2 standard deviations', () => {
    expect(share(deviations, ({ mean }) => Math.abs(mean) < 0.2)).toBeGreaterThan(0.9)
  })

  it('keep the variances: of motion 90 % within 25 %, of gravity 70 % within 40 %', () => {
    expect(share(motion(), ({ variance }) => variance > 0.75 && variance < 1.25)).toBeGreaterThan(0.9)
    expect(share(gravity(), ({ variance }) => variance > 0.6 && variance < 1.4)).toBeGreaterThan(0.7)
  })

  it('keep the correlations: 90 % within 0.2', () => {
    expect(share(deviations, ({ correlation }) => Math.abs(correlation) < 0.2)).toBeGreaterThan(0.9)
  })

  it('keep the distributions: of motion 90 % within 0.06, of gravity 70 % within 0.2', () => {
    expect(share(motion(), ({ distribution }) => distribution < 0.06)).toBeGreaterThan(0.9)
    expect(share(gravity(), ({ distribution }) => distribution < 0.2)).toBeGreaterThan(0.7)
  })

  it('keep the spectra: of motion 90 % within 4 dB at every frequency, on average', () => {
    expect(share(motion(), ({ spectrum }) => spectrum < 4)).toBeGreaterThan(0.9)
  })

  function measure(shipped: GeneratorProfile, activity: GeneratorActivity, label: string): Deviation[] {
    const endless = {
      ...activity,
      dwell: shipped.timeLevels.map(() => 1e6),
      next: {},
      nextAfterGap: {},
      gap: [],
    }
    const person = { id: 'one', missing: {}, activities: { [label]: endless } }
    const made = readings({
      profile: { ...shipped, people: [person] },
      devices: 1,
      duration: 1_800_000,
      delayedShare: 0,
    }).map(vector)
    const size = channels.length
    const mean = channels.map((_, c) => made.reduce((sum, x) => sum + x[c]!, 0) / made.length)
    const covariance = (a: number, b: number): number =>
      made.reduce((sum, x) => sum + (x[a]! - mean[a]!) * (x[b]! - mean[b]!), 0) / made.length
    /** Place of (a, b) in the upper triangle, a ≤ b. */
    const wanted = (a: number, b: number): number =>
      activity.covariance[a * size - (a * (a - 1)) / 2 + b - a]!
    const amplitudes = decodeSizes(activity.spectrum)
    return channels.map((_, a) => {
      const b = (a + 1) % size
      const correlations = [
        covariance(a, b) / Math.sqrt(covariance(a, a) * covariance(b, b)),
        wanted(Math.min(a, b), Math.max(a, b)) / Math.sqrt(wanted(a, a) * wanted(b, b)),
      ] as const
      const values = made.map(x => x[a]!).sort((x, y) => x - y)
      const frequencies = shipped.block / 2 - 1
      const power = spectrumOf(
        made.map(x => x[a]!),
        shipped.block,
      )
      const decibels = Array.from(power, (value, k) =>
        Math.abs(10 * Math.log10((value + 1e-7) / (amplitudes[a * frequencies + k]! ** 2 + 1e-7))),
      )
      return {
        mean: (mean[a]! - activity.mean[a]!) / Math.sqrt(wanted(a, a)),
        variance: covariance(a, a) / wanted(a, a),
        correlation: correlations[0] - correlations[1],
        distribution: distance(values, shipped.levels, activity.quantiles[a]!),
        spectrum: decibels.reduce((x, y) => x + y, 0) / decibels.length,
        channel: a,
      }
    })
  }

  /** Between the distribution of sorted values and quantiles, where the latter are no steps. */
  function distance(values: number[], levels: readonly number[], quantiles: readonly number[]): number {
    const below = (x: number): number => {
      let [low, high] = [0, values.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if (values[middle]! < x) low = middle + 1
        else high = middle
      }
      return low / values.length
    }
    return Math.max(...levels.map((level, i) => Math.abs(below(quantiles[i]!) - level)))
  }

  /** Welch's method as the statistics use it: half overlap, sine taper; the sum is about the variance. */
  function spectrumOf(values: number[], block: number): Float64Array {
    const taper = Float64Array.from({ length: block }, (_, n) => Math.sin((Math.PI * (n + 0.5)) / block))
    const power = new Float64Array(block / 2 - 1)
    let blocks = 0
    for (let at = 0; at + block <= values.length; at += block / 2, blocks++) {
      const own = values.slice(at, at + block)
      const mean = own.reduce((a, b) => a + b, 0) / block
      for (let k = 1; k < block / 2; k++) {
        let [real, imaginary] = [0, 0]
        own.forEach((value, n) => {
          const angle = (2 * Math.PI * k * n) / block
          real += (value - mean) * taper[n]! * Math.cos(angle)
          imaginary += (value - mean) * taper[n]! * Math.sin(angle)
        })
        power[k - 1]! += real ** 2 + imaginary ** 2
      }
    }
    const energy = taper.reduce((sum, value) => sum + value ** 2, 0)
    return power.map(value => (2 * value) / (blocks * block * energy))
  }
})

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
