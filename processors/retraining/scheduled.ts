/**
 * Retraining on a cluster, as a schedule orders it: what comes before its steps, and what comes after. The run has a folder in the
 * lake, in which each part finds what the one before it left:
 *
 *     retraining/RUN/begun.json  serving.json                            what `begin` leaves
 *     retraining/RUN/candidate.json  evaluation-candidate.json  evaluation-serving.json   what the steps leave
 *     retraining/RUN/report.json                                         what `end` leaves, once: it is not done again
 *     retraining/watermark.json                                          up to where labels were learned from
 */
import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { LakeError } from '../../lake/errors.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { ApplicationError } from '../errors.ts'
import { labelledSamples, newlyLabelled } from '../feature-store/feature-store.ts'
import { featureSchema } from '../features/schema.ts'
import { parseRelease, releaseJson, releaseKey, type UnpublishedRelease } from '../models/release.ts'
import type { ReleaseDesk, ReleaseId } from '../models/release-desk.ts'
import { signRelease } from '../models/signature.ts'
import { type Comparison, compareScores, objections, type RandomArm } from './comparison.ts'
import { compareReleases } from './retrain.ts'

const WATERMARK = 'retraining/watermark.json'
const watermarkSchema = z.record(z.string(), z.int().nonnegative())

const begunSchema = z.object({
  /** `name@version` */
  serving: z.string(),
  candidate: z.string(),
  newlyLabelled: z.int(),
  watermark: watermarkSchema,
})
export type Begun = z.infer<typeof begunSchema>

const reportSchema = z.object({
  candidate: z.string(),
  serving: z.string(),
  newlyLabelled: z.int(),
  unseen: z.object({
    people: z.number(),
    windows: z.number(),
    candidate: z.number(),
    serving: z.number(),
    difference: z.number(),
    lowerBound: z.number(),
  }) satisfies z.ZodType<Comparison>,
  randomArm: z.object({
    windows: z.number(),
    candidate: z.number().nullable(),
    serving: z.number().nullable(),
  }) satisfies z.ZodType<RandomArm>,
  promoted: z.boolean(),
  /** Why it is not promoted. */
  objections: z.array(z.string()),
})
export type ScheduledReport = z.infer<typeof reportSchema>

/** What evaluate.py writes, as far as it is compared. */
const evaluationSchema = z.object({
  release: z.string(),
  featureSchemaHash: z.string(),
  perPerson: z.record(z.string(), z.object({ windows: z.int().positive(), macroF1: z.number() })),
})

export interface EndOptions {
  /** By which macro-F1 must be greater, with 95 % confidence. */
  readonly margin: number
  readonly seed: number
  /** Whether the candidate may be promoted at all. */
  readonly promote: boolean
  /** Signs it. */
  readonly key?: KeyObject | undefined
}

/** What is known of releases, and what can be done with them. */
export interface SchedulingDesk extends Pick<ReleaseDesk, 'release' | 'publish' | 'promote'> {
  list(): Promise<{ readonly inForce?: ReleaseId | undefined; readonly known: readonly ReleaseId[] }>
}

export interface ScheduledOptions {
  readonly lake: ObjectStore
  readonly featureStore: ObjectStore
  /** Names the run's folder. */
  readonly run: string
  readonly desk: SchedulingDesk
}

export function runFolder(run: string): string {
  return `retraining/${run}`
}

/**
 * Looks whether enough was labelled since the last time, and lays out what the steps need.
 * @returns why there is nothing to do, or what was begun
 * @throws ApplicationError MODEL_NONE_IN_FORCE; LakeError
 */
export async function begin(
  { lake, featureStore, run, desk }: ScheduledOptions,
  { atLeast }: { readonly atLeast: number },
): Promise<Begun | { readonly skipped: string }> {
  const { inForce, known } = await desk.list()
  if (inForce === undefined)
    throw new ApplicationError('MODEL_NONE_IN_FORCE', 'there is no release to be better than')
  const before = await read(lake, WATERMARK, watermarkSchema)
  const { windows, watermark } = await newlyLabelled(featureStore, featureSchema.hash, before ?? {})
  if (windows < atLeast)
    return { skipped: `${windows} windows were labelled since the last time, and ${atLeast} are wanted` }
  const serving = await desk.release(inForce)
  const candidate = { name: inForce.name, version: nextVersion(inForce, known) }
  const begun: Begun = {
    serving: releaseKey(inForce),
    candidate: releaseKey(candidate),
    newlyLabelled: windows,
    watermark,
  }
  await write(lake, `${runFolder(run)}/serving.json`, releaseJson(serving))
  await write(lake, `${runFolder(run)}/begun.json`, begun)
  return begun
}

/**
 * Compares what the steps have evaluated, publishes the candidate, and promotes it if it is better. Done again after a failure it
 * goes on where it was.
 * @throws ApplicationError RETRAINING_FAILED, MODEL_…; LakeError
 */
export async function end(
  { lake, featureStore, run, desk }: ScheduledOptions,
  { margin, seed, promote, key }: EndOptions,
): Promise<ScheduledReport> {
  const folder = runFolder(run)
  const done = await read(lake, `${folder}/report.json`, reportSchema)
  if (done !== undefined) return done
  const begun = await needed(lake, `${folder}/begun.json`, begunSchema)
  const [trained, serving] = await Promise.all([
    releaseAt(lake, `${folder}/candidate.json`),
    releaseAt(lake, `${folder}/serving.json`),
  ])
  if (releaseKey(trained) !== begun.candidate)
    throw new ApplicationError('RETRAINING_FAILED', `${folder}/candidate.json is not ${begun.candidate}`)
  const candidate = key === undefined ? trained : { ...trained, signature: signRelease(trained, key) }
  const unseen = await compareEvaluations(lake, folder, begun, seed)
  const random = (await labelledSamples(featureStore, featureSchema.hash)).flatMap(
    ({ label, arm, features, deviceId }) =>
      arm === 'random' && label !== null && serving.labels.includes(label)
        ? [{ label, deviceId, features: Float32Array.from(features) }]
        : [],
  )
  const { randomArm } = await compareReleases({ candidate, serving }, { test: [], random, seed })

  const { inForce, known } = await desk.list()
  const { name, version } = candidate
  if (!known.some(release => releaseKey(release) === begun.candidate))
    await desk.publish(candidate, { promote: false, reason: `retrained after ${begun.serving}` })
  const found = objections(unseen, randomArm, margin)
  const now = inForce === undefined ? 'nothing' : releaseKey(inForce)
  const isInForce = now === begun.candidate
  if (now !== begun.serving && !isInForce)
    found.push(`${now} is in force by now, with which it was not compared`)
  if (!promote) found.push('it was not to be promoted')
  const promoted = found.length === 0
  if (promoted && !isInForce)
    await desk.promote({ name, version }, `better than ${begun.serving} on unseen people`)
  const report = {
    candidate: begun.candidate,
    serving: begun.serving,
    newlyLabelled: begun.newlyLabelled,
    unseen,
    randomArm,
    promoted,
    objections: found,
  }
  await write(lake, WATERMARK, begun.watermark)
  await write(lake, `${folder}/report.json`, report)
  return report
}

/** On the same windows of the same people, or not at all. */
async function compareEvaluations(
  lake: ObjectStore,
  folder: string,
  begun: Begun,
  seed: number,
): Promise<Comparison> {
  const [candidate, serving] = await Promise.all([
    needed(lake, `${folder}/evaluation-candidate.json`, evaluationSchema),
    needed(lake, `${folder}/evaluation-serving.json`, evaluationSchema),
  ])
  const people = new Set([...Object.keys(candidate.perPerson), ...Object.keys(serving.perPerson)])
  const scores = [...people].sort().map(person => {
    const [one, other] = [candidate.perPerson[person], serving.perPerson[person]]
    if (one === undefined || other === undefined || one.windows !== other.windows)
      throw new ApplicationError(
        'RETRAINING_FAILED',
        `${begun.candidate} and ${begun.serving} were evaluated on different windows of ${person}`,
      )
    return { windows: one.windows, candidate: one.macroF1, serving: other.macroF1 }
  })
  return compareScores(scores, seed)
}

/** The minor version after the newest known of the same major one. */
export function nextVersion(serving: ReleaseId, known: readonly ReleaseId[]): string {
  const numbers = ({ version }: ReleaseId): number[] => version.split(/[.-]/, 3).map(Number)
  const [major = 0] = numbers(serving)
  const minors = [serving, ...known]
    .filter(release => release.name === serving.name && numbers(release)[0] === major)
    .map(release => numbers(release)[1] ?? 0)
  return `${major}.${Math.max(...minors) + 1}.0`
}

async function read<T>(lake: ObjectStore, key: string, schema: z.ZodType<T>): Promise<T | undefined> {
  return (await lake.stat(key)) === undefined ? undefined : await needed(lake, key, schema)
}

async function needed<T>(lake: ObjectStore, key: string, schema: z.ZodType<T>): Promise<T> {
  try {
    return schema.parse(JSON.parse(await textOf(lake, key)))
  } catch (cause) {
    if (cause instanceof LakeError) throw cause
    throw new ApplicationError('RETRAINING_FAILED', `${lake.url}${key} is not what it should be`, { cause })
  }
}

async function releaseAt(lake: ObjectStore, key: string): Promise<UnpublishedRelease> {
  return parseRelease(await textOf(lake, key), `${lake.url}${key}`)
}

async function textOf(lake: ObjectStore, key: string): Promise<string> {
  return (await lake.get(key)).toString('utf8')
}

async function write(lake: ObjectStore, key: string, value: unknown): Promise<void> {
  await lake.put(key, Buffer.from(`${JSON.stringify(value)}\n`, 'utf8'))
}
