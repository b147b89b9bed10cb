/**
 * What a schedule does with the labels that people gave: trains a candidate on the base recordings and the labelled samples of the
 * feature store, and compares it with the release that serves, on people that it was not trained on and on the random arm.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { ObjectStore } from '../../lake/object-store.ts'
import { ApplicationError } from '../errors.ts'
import { labelledSamples } from '../feature-store/feature-store.ts'
import { featureSchema } from '../features/schema.ts'
import { loadClassifier } from '../models/classifier.ts'
import { parseRelease, releaseKey, type UnpublishedRelease } from '../models/release.ts'
import { drawn } from '../routing/routing.ts'
import { type Comparison, compare, compareRandomArm, objections, type RandomArm } from './comparison.ts'
import { type LabelledWindow, labelledWindows } from './labelled-windows.ts'

/** Of the people of the recordings, the share that is left out to compare on. */
const UNSEEN_SHARE = 0.25

export interface RetrainOptions {
  /** Labelled recordings, the base of the training. */
  readonly recordings: string
  /** More of people that neither release was trained on; without it, a quarter of the people of `recordings` is left out. */
  readonly unseen?: string | undefined
  readonly store: ObjectStore
  readonly serving: UnpublishedRelease
  /** Of the candidate. */
  readonly version: string
  /** By which macro-F1 must be greater, with 95 % confidence. */
  readonly margin: number
  readonly seed: number
  /** An interpreter that has the packages of spark-jobs/requirements.txt. */
  readonly python: string
  /** Milliseconds since the epoch, for the lineage. */
  readonly now: () => number
}

export interface Retraining {
  readonly candidate: UnpublishedRelease
  readonly report: RetrainReport
}

export interface RetrainReport {
  readonly candidate: string
  readonly serving: string
  /** Windows that were trained on: of recordings, and labelled by people. */
  readonly trained: { readonly recorded: number; readonly annotated: number }
  /** Labelled samples that were left out: of people compared on, of the random arm, with labels that the release lacks. */
  readonly leftOut: { readonly unseen: number; readonly random: number; readonly otherLabels: number }
  readonly unseen: Comparison & {
    /** Whether the serving release may have been trained on these people, which flatters it. */
    readonly servingMayKnow: boolean
  }
  readonly randomArm: RandomArm
  /** Why the candidate should not be promoted; empty if it is better. */
  readonly objections: readonly string[]
}

/** A window to learn from or to compare on. */
type Example = Pick<LabelledWindow, 'deviceId' | 'label' | 'features'>

/** @throws ApplicationError RETRAINING_FAILED, MODEL_…; what the store throws */
export async function retrain(options: RetrainOptions): Promise<Retraining> {
  const { recordings, unseen, store, serving, version, margin, seed } = options
  const { labels } = serving
  const known = ({ label }: { readonly label: string }): boolean => labels.includes(label)
  const recorded = (await labelledWindows(recordings)).filter(known)
  const others = unseen === undefined ? leftOutPeople(recorded, seed) : new Set<string>()
  const test =
    unseen === undefined
      ? recorded.filter(({ deviceId }) => others.has(deviceId))
      : await labelledWindows(unseen)
  for (const { deviceId } of test) others.add(deviceId)

  const annotated = (await labelledSamples(store, featureSchema.hash)).flatMap(({ label, ...sample }) =>
    label === null ? [] : { ...sample, label, features: Float32Array.from(sample.features) },
  )
  // What measures is not learned from.
  const random = annotated.filter(sample => sample.arm === 'random' && known(sample))
  const fresh = annotated.filter(
    sample => sample.arm === 'unsure' && known(sample) && !others.has(sample.deviceId),
  )
  const base = recorded.filter(({ deviceId }) => !others.has(deviceId))
  const learned = await learn([...base, ...fresh], options)

  const candidate = parseRelease(
    JSON.stringify({
      name: serving.name,
      version,
      featureSchemaHash: featureSchema.hash,
      labels,
      metrics: {},
      lineage: {
        parent: releaseKey(serving),
        script: 'tickerwatch retrain',
        people: String(new Set([...base, ...fresh].map(({ deviceId }) => deviceId)).size),
        recordedWindows: String(base.length),
        annotatedWindows: String(fresh.length),
        seed: String(seed),
        date: new Date(options.now()).toISOString(),
      },
      ...learned,
    }),
    'the answer of the learner',
  )
  const comparison = await compareReleases({ candidate, serving }, { test: test.filter(known), random, seed })
  const found = objections(comparison.unseen, comparison.randomArm, margin)
  return {
    candidate: { ...candidate, metrics: { macroF1: comparison.unseen.candidate } },
    report: {
      candidate: releaseKey(candidate),
      serving: releaseKey(serving),
      trained: { recorded: base.length, annotated: fresh.length },
      leftOut: {
        unseen: annotated.filter(sample => sample.arm === 'unsure' && others.has(sample.deviceId)).length,
        random: random.length,
        otherLabels: annotated.filter(sample => !known(sample)).length,
      },
      unseen: { ...comparison.unseen, servingMayKnow: unseen === undefined },
      randomArm: comparison.randomArm,
      objections: found,
    },
  }
}

/** The same people each time, as long as the recordings are the same. */
function leftOutPeople(windows: readonly Example[], seed: number): Set<string> {
  const people = [...new Set(windows.map(({ deviceId }) => deviceId))]
  const place = (deviceId: string): number => drawn({ deviceId, windowStart: 0 }, seed)
  people.sort((a, b) => place(a) - place(b))
  return new Set(people.slice(0, Math.ceil(people.length * UNSEEN_SHARE)))
}

const learnedSchema = z.object({
  onnx: z.string(),
  temperature: z.number(),
  minimumConfidence: z.number(),
  minimumMargin: z.number(),
  probeFeatures: z.array(z.number()),
  probeProbabilities: z.array(z.number()),
})

type Learned = z.infer<typeof learnedSchema> & { readonly sha256: string; readonly size: number }

async function learn(
  examples: readonly Example[],
  { python, serving, seed }: RetrainOptions,
): Promise<Learned> {
  const directory = await mkdtemp(join(tmpdir(), 'retrain-'))
  try {
    const features = join(directory, 'features')
    await writeFile(
      features,
      Buffer.concat(
        examples.map(({ features: row }) => Buffer.from(row.buffer, row.byteOffset, row.byteLength)),
      ),
    )
    const script = fileURLToPath(new URL('../../spark-jobs/retrain.py', import.meta.url))
    const child = spawn(python, [script], { env: { ...process.env, OMP_NUM_THREADS: '1' } })
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', resolve)
    })
    child.stdin.on('error', () => {}) // a learner that ended has said why
    child.stdin.end(
      JSON.stringify({
        features,
        width: featureSchema.features.length,
        classes: examples.map(({ label }) => serving.labels.indexOf(label)),
        people: examples.map(({ deviceId }) => deviceId),
        labels: serving.labels.length,
        seed,
      }),
    )
    const [said, trouble, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
    if (code !== 0) throw new Error(trouble.trim().split('\n').at(-1) ?? `it ended with ${code}`)
    const learned = learnedSchema.parse(JSON.parse(said))
    const onnx = Buffer.from(learned.onnx, 'base64')
    return { ...learned, sha256: createHash('sha256').update(onnx).digest('hex'), size: onnx.length }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ApplicationError('RETRAINING_FAILED', `the learner failed: ${reason}`, { cause })
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function compareReleases(
  releases: { readonly candidate: UnpublishedRelease; readonly serving: UnpublishedRelease },
  { test, random, seed }: { test: readonly Example[]; random: readonly Example[]; seed: number },
): Promise<{ readonly unseen: Comparison; readonly randomArm: RandomArm }> {
  const predict = async (release: UnpublishedRelease): Promise<readonly string[]> => {
    const classifier = await loadClassifier(
      { ...release, status: 'candidate', publishedAt: 0, reason: null },
      featureSchema,
    )
    try {
      const scores = await classifier.score([...test, ...random].map(({ features }) => features))
      return scores.map(({ label }) => label)
    } finally {
      await classifier.close()
    }
  }
  const candidate = await predict(releases.candidate)
  const serving = await predict(releases.serving)
  const windows = [...test, ...random].map(({ deviceId, label }, i) => ({
    person: deviceId,
    label,
    candidate: candidate[i]!,
    serving: serving[i]!,
  }))
  return {
    unseen: compare(windows.slice(0, test.length), seed),
    randomArm: compareRandomArm(windows.slice(test.length)),
  }
}
