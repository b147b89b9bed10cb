/**
 * What a schedule does with the labels that people gave: trains a candidate on the base recordings and the labelled samples of the
 * feature store, and compares it with the release that serves, on people that it was not trained on and on the random arm.
 */
import type { ObjectStore } from '../../lake/object-store.ts'
import { labelledSamples } from '../feature-store/feature-store.ts'
import { featureSchema } from '../features/schema.ts'
import { loadClassifier } from '../models/classifier.ts'
import { parseRelease, releaseKey, type UnpublishedRelease } from '../models/release.ts'
import { drawn } from '../routing/routing.ts'
import { type Comparison, compare, compareRandomArm, objections, type RandomArm } from './comparison.ts'
import { labelledWindows } from './labelled-windows.ts'
import { type Example, type LearnerOptions, learn, type Recipe, recipeOf } from './learner.ts'

/** Of the people of the recordings, the share that is left out to compare on. */
const UNSEEN_SHARE = 0.25

export interface RetrainOptions extends Omit<LearnerOptions, 'labels'> {
  /** Labelled recordings, the base of the training; of no use to a candidate that was trained elsewhere. */
  readonly recordings?: string | undefined
  /** More of people that neither release was trained on; without it, a quarter of the people of `recordings` is left out. */
  readonly unseen?: string | undefined
  /** One that was trained elsewhere, such as by spark-jobs/train.py: it is only compared. */
  readonly candidate?: UnpublishedRelease | undefined
  readonly store: ObjectStore
  readonly serving: UnpublishedRelease
  /** Of the candidate that is trained. */
  readonly version: string
  /** By which macro-F1 must be greater, with 95 % confidence. */
  readonly margin: number
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
  /** Windows that were trained on here: of recordings, and labelled by people. */
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

/** @throws ApplicationError RETRAINING_FAILED, MODEL_…; what the store throws */
export async function retrain(options: RetrainOptions): Promise<Retraining> {
  const { recordings, unseen, store, serving, margin, seed } = options
  const { labels } = serving
  const recipe = recipeOf(serving)
  const known = ({ label }: { readonly label: string }): boolean => labels.includes(label)
  const recorded =
    recordings === undefined
      ? []
      : (await labelledWindows(recordings, { turned: recipe.turned })).filter(known)
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
  const candidate = options.candidate ?? (await train({ base, fresh }, recipe, options))
  const knows = ({ lineage }: UnpublishedRelease): boolean =>
    (lineage.people ?? '').split(' ').some(person => others.has(person))

  const comparison = await compareReleases({ candidate, serving }, { test: test.filter(known), random, seed })
  const found = objections(comparison.unseen, comparison.randomArm, margin)
  if (knows(candidate)) found.unshift('it was trained on some of the people that it was compared on')
  return {
    candidate:
      candidate === options.candidate
        ? candidate
        : { ...candidate, metrics: { macroF1: comparison.unseen.candidate } },
    report: {
      candidate: releaseKey(candidate),
      serving: releaseKey(serving),
      trained:
        candidate === options.candidate
          ? { recorded: 0, annotated: 0 }
          : { recorded: base.length, annotated: fresh.length },
      leftOut: {
        unseen: annotated.filter(sample => sample.arm === 'unsure' && others.has(sample.deviceId)).length,
        random: random.length,
        otherLabels: annotated.filter(sample => !known(sample)).length,
      },
      unseen: {
        ...comparison.unseen,
        servingMayKnow: unseen === undefined || knows(serving),
      },
      randomArm: comparison.randomArm,
      objections: found,
    },
  }
}

/** Of `base`, which was recorded, and `fresh`, which was labelled by people. */
async function train(
  { base, fresh }: { readonly base: readonly Example[]; readonly fresh: readonly Example[] },
  recipe: Recipe,
  options: RetrainOptions,
): Promise<UnpublishedRelease> {
  const { serving, version, seed, now } = options
  const { name, labels } = serving
  const examples = [...base, ...fresh]
  const learned = await learn(examples, recipe, { ...options, labels })
  return parseRelease(
    JSON.stringify({
      name,
      version,
      featureSchemaHash: featureSchema.hash,
      labels,
      metrics: {},
      lineage: {
        parent: releaseKey(serving),
        script: 'tickerwatch retrain',
        people: [...new Set(examples.map(({ deviceId }) => deviceId))].sort().join(' '),
        parameters: JSON.stringify(recipe),
        recordedWindows: String(base.length),
        annotatedWindows: String(fresh.length),
        seed: String(seed),
        date: new Date(now()).toISOString(),
      },
      ...learned,
    }),
    'the answer of the learner',
  )
}

/** The same people each time, as long as the recordings are the same. */
function leftOutPeople(windows: readonly Example[], seed: number): Set<string> {
  const people = [...new Set(windows.map(({ deviceId }) => deviceId))]
  const place = (deviceId: string): number => drawn({ deviceId, windowStart: 0 }, seed)
  people.sort((a, b) => place(a) - place(b))
  return new Set(people.slice(0, Math.ceil(people.length * UNSEEN_SHARE)))
}

/** How each does on the windows of `test`, by person, and on those of the random arm. */
export async function compareReleases(
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
