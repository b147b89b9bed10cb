import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SensorReading } from '../../schemas/index.ts'
import { systemTimers } from '../../topology/index.ts'
import { featureExtractor } from '../features/extract.ts'
import { featureSchema } from '../features/schema.ts'
import { generate } from '../generator/generate.ts'
import { shippedProfile } from '../generator/profile.ts'
import { loadClassifier } from '../models/classifier.ts'
import { shippedRelease } from '../models/shipped.ts'
import type { RecordingEvent } from '../recordings/event.ts'
import { openRecordings } from '../recordings/reader.ts'
import { writeRecordings } from '../recordings/writer.ts'
import { evaluate } from './evaluate.ts'

const START = Date.UTC(2026, 0, 5, 8)
const SIZE = featureSchema.seconds * 1000
const ADVANCE = featureSchema.advanceSeconds * 1000
const labels = ['walking', 'jogging', 'sitting']
/** Milliseconds without a label at the end of each recording. */
const UNLABELLED = 10_000
const DURATION = 200_000

const release = await shippedRelease('watch')
let directory: string
let readings: SensorReading[]

/** Generated watches whose labels are set anew: a change every 45 s, the last a class that no release knows. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tickerwatch-evaluate-'))
  const profile = await shippedProfile('watch')
  readings = []
  const chunks = generate({ profile, devices: 2, seed: 3, start: START, duration: DURATION, delayedShare: 0 })
  for (const chunk of chunks)
    for (const event of chunk)
      if (event.kind === 'reading')
        readings.push({ ...event.reading, userActivityLabel: labelAt(event.reading.stamp) })
  const events = readings.map((reading): RecordingEvent => ({ kind: 'reading', reading }))
  await writeRecordings(directory, [events], { gzip: true })
})
afterAll(() => rm(directory, { recursive: true, force: true }))

function labelAt(stamp: number): string | null {
  if (stamp >= START + DURATION - UNLABELLED) return null
  return [...labels, 'flying'][Math.floor((stamp - START) / 45_000)] ?? 'flying'
}

async function run(classes?: readonly string[], signal = new AbortController().signal) {
  return await evaluate({
    release,
    recordings: await openRecordings(directory, { now: Date.now }),
    classes,
    timers: systemTimers,
    logger: pino({ level: 'silent' }),
    signal,
    onProgress: () => {},
  })
}

/** The windows of one label, cut, turned into features and scored without the stream. */
async function direct() {
  const classifier = await loadClassifier(
    { ...release, status: 'candidate', publishedAt: 0, reason: null },
    featureSchema,
  )
  const extractor = featureExtractor(featureSchema)
  const scored: { truth: string; probabilities: readonly number[]; label: string }[] = []
  const leftOut = { mixed: 0, unlabelled: 0, flying: 0 }
  for (const device of new Set(readings.map(({ deviceId }) => deviceId))) {
    const own = readings.filter(({ deviceId }) => deviceId === device)
    const first = Math.floor(own[0]!.stamp / ADVANCE) * ADVANCE - ADVANCE
    for (let start = first; start <= own.at(-1)!.stamp; start += ADVANCE) {
      const samples = own.filter(({ stamp }) => stamp >= start && stamp < start + SIZE)
      if (samples.length === 0) continue
      const found = new Set(samples.map(({ userActivityLabel }) => userActivityLabel))
      const [truth] = found
      if (found.size > 1) leftOut.mixed++
      else if (truth === null || truth === undefined) leftOut.unlabelled++
      else if (truth === 'flying') leftOut.flying++
      else {
        const features = extractor.features({
          start,
          end: start + SIZE,
          count: samples.length,
          timestamps: Float64Array.from(samples, ({ stamp }) => stamp),
          column: field =>
            Float64Array.from(samples, sample =>
              Number(Object.entries(sample).find(([name]) => name === field)![1] ?? Number.NaN),
            ),
        })
        const [score] = await classifier.score([features])
        scored.push({ truth, probabilities: score!.probabilities, label: score!.label })
      }
    }
  }
  await classifier.close()
  return { scored, leftOut }
}

test('windows are scored as they are without the stream, and every other one is accounted for', async () => {
  const [evaluation, { scored, leftOut }] = await Promise.all([run(), direct()])
  expect(scored.length).toBeGreaterThan(50)
  expect(evaluation).toMatchObject({
    model: `watch@${release.version}`,
    devices: 2,
    readings: readings.length,
    malformedRows: 0,
    windows: scored.length,
    leftOut: {
      mixed: leftOut.mixed,
      unlabelled: leftOut.unlabelled,
      otherLabels: { flying: leftOut.flying },
    },
    accuracy: scored.filter(({ truth, label }) => truth === label).length / scored.length,
  })
  expect(Math.min(...Object.values(leftOut))).toBeGreaterThan(0)
})

test('between fewer classes the same probabilities decide, masked and made to sum to 1', async () => {
  const classes = ['sitting', 'walking']
  const [evaluation, { scored }] = await Promise.all([run(classes), direct()])
  const places = classes.map(label => release.labels.indexOf(label))
  const kept = scored.filter(({ truth }) => classes.includes(truth))
  const right = kept.filter(({ truth, probabilities }) => {
    const [sitting, walking] = places.map(place => probabilities[place]!)
    return truth === (walking! > sitting! ? 'walking' : 'sitting')
  })
  expect(evaluation).toMatchObject({ windows: kept.length, accuracy: right.length / kept.length })
  expect(evaluation.confusion.labels).toEqual(classes)
  expect(evaluation.leftOut.otherLabels.jogging).toBeGreaterThan(0)
})

test('a class that the release does not have is refused', async () => {
  await expect(run(['walking', 'flying'])).rejects.toMatchObject({
    code: 'MODEL_CLASS_UNKNOWN',
    message: expect.stringContaining('has no class flying, but catch'),
  })
})

test('recordings of which no window can be scored are refused, with the reasons', async () => {
  await expect(run(['chips', 'soup'])).rejects.toMatchObject({
    code: 'RECORDINGS_UNLABELLED',
    message: expect.stringMatching(
      /^of \d+ windows none can be scored: \d+ without a label, \d+ with several, \d+ of flying/,
    ),
  })
})

test('it can be given up', async () => {
  const giveUp = new AbortController()
  giveUp.abort()
  await expect(run(undefined, giveUp.signal)).rejects.toMatchObject({ name: 'AbortError' })
})
