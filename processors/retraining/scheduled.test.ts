import { createPrivateKey } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { fileStore } from '../../lake/file-store.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { encodeSamples, type StoredAnnotation } from '../feature-store/sample-file.ts'
import { featureSchema } from '../features/schema.ts'
import { releaseJson, type UnpublishedRelease } from '../models/release.ts'
import type { ReleaseId } from '../models/release-desk.ts'
import { shippedRelease } from '../models/shipped.ts'
import { newKeyPair, signRelease } from '../models/signature.ts'
import { begin, end, nextVersion, type ScheduledOptions, type SchedulingDesk } from './scheduled.ts'

let shipped: UnpublishedRelease
beforeAll(async () => {
  shipped = { ...(await shippedRelease('pocket')), version: '1.0.0' }
})

let directory: string
let lake: ObjectStore
let featureStore: ObjectStore
let inForce: ReleaseId | undefined
let known: ReleaseId[]
let published: UnpublishedRelease[]
let promoted: string[]
/** Fails the next publication after it was done, as a connection that is cut before the answer. */
let cut: boolean
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tickerwatch-scheduled-'))
  lake = fileStore(join(directory, 'lake'))
  featureStore = fileStore(join(directory, 'features'))
  inForce = { name: 'pocket', version: '1.0.0' }
  known = [inForce]
  published = []
  promoted = []
  cut = false
})
afterEach(() => rm(directory, { recursive: true }))

const desk: SchedulingDesk = {
  list: async () => ({ inForce, known }),
  release: async ({ version }) => ({ ...shipped, version }),
  async publish(release) {
    published.push(release)
    known.push(release)
    if (cut) throw new Error('cut')
    return { ...release, status: 'candidate', reason: null }
  },
  async promote(id) {
    promoted.push(id.version)
    inForce = id
    return { ...id, status: 'promoted', reason: null }
  },
}

function options(run = 'first'): ScheduledOptions {
  return { lake, featureStore, run, desk }
}

/** Labels of the windows from one offset to before another, as the feature store's writer leaves them. */
async function label(from: number, next: number, more: Partial<StoredAnnotation> = {}): Promise<void> {
  const rows = Array.from({ length: next - from }, (_, i): StoredAnnotation => {
    return {
      deviceId: 'anna',
      windowStart: (from + i) * 2500,
      windowEnd: (from + i) * 2500 + 5000,
      verdict: 'labelled',
      label: 'jogging',
      annotator: 'anna',
      annotatedAt: 0,
      arm: 'unsure',
      predicted: 'sitting',
      modelName: 'pocket',
      modelVersion: '1.0.0',
      featureSchemaHash: featureSchema.hash,
      features: featureSchema.features.map(() => 0),
      logId: 'log',
      partition: 0,
      offset: from + i,
      ...more,
    }
  })
  const file = `data/${from}.parquet`
  await featureStore.put(file, encodeSamples(rows))
  const commit = { next, files: [file], rows: rows.length }
  await featureStore.put(
    `commits/log/0/${String(from).padStart(16, '0')}.json`,
    Buffer.from(JSON.stringify(commit)),
  )
}

/** What the steps leave: of each person the macro-F1 of the candidate, against 0.5. */
async function evaluated(
  candidate: Readonly<Record<string, number>>,
  { run = 'first', version = '1.1.0', windows = 10 } = {},
) {
  const put = (name: string, value: unknown) =>
    lake.put(`retraining/${run}/${name}.json`, Buffer.from(JSON.stringify(value)))
  const evaluation = (scores: Readonly<Record<string, number>>, windows: number) => ({
    release: 'x',
    featureSchemaHash: featureSchema.hash,
    perPerson: Object.fromEntries(
      Object.entries(scores).map(([person, macroF1]) => [person, { windows, macroF1 }]),
    ),
  })
  await put('candidate', releaseJson({ ...shipped, version }))
  await put('evaluation-candidate', evaluation(candidate, windows))
  await put('evaluation-serving', evaluation({ a: 0.5, b: 0.5, c: 0.5 }, 10))
}

const better = { a: 0.8, b: 0.9, c: 0.7 }
const how = { margin: 0, seed: 1, promote: true }

test('nothing is begun before enough was labelled', async () => {
  await label(0, 9)
  expect(await begin(options(), { atLeast: 10 })).toEqual({
    skipped: '9 windows were labelled since the last time, and 10 are wanted',
  })
  // What says that nothing can be told, or is of other features, is no label to learn from.
  await label(9, 12, { verdict: 'cannotTell', label: null })
  await label(12, 15, { featureSchemaHash: '0123456789abcdef' })
  expect(await begin(options(), { atLeast: 10 })).toHaveProperty('skipped')
  await label(15, 16)
  expect(await begin(options(), { atLeast: 10 })).toMatchObject({
    serving: 'pocket@1.0.0',
    candidate: 'pocket@1.1.0',
    newlyLabelled: 10,
    watermark: { 'log/0': 16 },
  })
})

test('what is better is promoted, and its labels do not count again', async () => {
  await label(0, 10)
  await begin(options(), { atLeast: 10 })
  // Labels that come while the steps run are new to the next run.
  await label(10, 14)
  await evaluated(better)
  expect(await end(options(), how)).toMatchObject({
    candidate: 'pocket@1.1.0',
    serving: 'pocket@1.0.0',
    unseen: { people: 3, windows: 30 },
    promoted: true,
    objections: [],
  })
  expect(published.map(({ version }) => version)).toEqual(['1.1.0'])
  expect(promoted).toEqual(['1.1.0'])
  expect(await begin(options('second'), { atLeast: 4 })).toMatchObject({
    serving: 'pocket@1.1.0',
    candidate: 'pocket@1.2.0',
    newlyLabelled: 4,
  })
})

test('what is no better is published, and says why it is not promoted', async () => {
  await label(0, 1)
  await begin(options(), { atLeast: 1 })
  await evaluated({ a: 0.6, b: 0.4, c: 0.5 })
  const { promoted: done, objections } = await end(options(), how)
  expect([done, objections]).toEqual([false, [expect.stringContaining('macro-F1 on unseen people differs')]])
  expect([published.length, promoted]).toEqual([1, []])
})

test('nor is what was not to be promoted, or was not compared with what is in force by then', async () => {
  await label(0, 1)
  await begin(options(), { atLeast: 1 })
  await evaluated(better)
  inForce = { name: 'pocket', version: '1.0.5' }
  const { objections } = await end(options(), { ...how, promote: false })
  expect(objections).toEqual([
    'pocket@1.0.5 is in force by now, with which it was not compared',
    'it was not to be promoted',
  ])
  expect(promoted).toEqual([])
})

test('an end that failed half-way is done again, and once it is done not any more', async () => {
  await label(0, 1)
  await begin(options(), { atLeast: 1 })
  await evaluated(better)
  cut = true
  await expect(end(options(), how)).rejects.toThrow('cut')
  const report = await end(options(), how)
  expect([published.length, promoted]).toEqual([1, ['1.1.0']])
  expect(await end(options(), how)).toEqual(report)
  expect([published.length, promoted]).toEqual([1, ['1.1.0']])
})

test('releases are compared on the same windows or not at all', async () => {
  await label(0, 1)
  await begin(options(), { atLeast: 1 })
  await evaluated({ a: 0.8, b: 0.9, d: 0.7 })
  await expect(end(options(), how)).rejects.toMatchObject({
    code: 'RETRAINING_FAILED',
    message: expect.stringContaining('different windows of c'),
  })
  await evaluated(better, { windows: 11 })
  await expect(end(options(), how)).rejects.toMatchObject({
    message: expect.stringContaining('different windows of a'),
  })
  await evaluated(better, { version: '3.0.0' })
  await expect(end(options(), how)).rejects.toMatchObject({ code: 'RETRAINING_FAILED' })
  expect(published).toEqual([])
})

test('a candidate is signed where there is a key', async () => {
  const key = createPrivateKey(newKeyPair().privateKey)
  await label(0, 1)
  await begin(options(), { atLeast: 1 })
  await evaluated(better)
  await end(options(), { ...how, key })
  expect(published[0]?.signature).toEqual(signRelease({ ...shipped, version: '1.1.0' }, key))
})

test('without a release in force nothing is begun', async () => {
  inForce = undefined
  await expect(begin(options(), { atLeast: 0 })).rejects.toMatchObject({ code: 'MODEL_NONE_IN_FORCE' })
})

test('a candidate is the minor version after all that are known', () => {
  const release = (version: string, name = 'watch') => ({ name, version })
  expect(nextVersion(release('2.1.3'), [])).toBe('2.2.0')
  const known = ['2.10.0', '2.9.1', '1.30.0', '3.0.0'].map(version => release(version))
  expect(nextVersion(release('2.1.3'), [...known, release('2.40.0', 'pocket')])).toBe('2.11.0')
})
