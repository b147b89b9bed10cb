/** The learner: a process of Python that is given windows as features, and answers with a calibrated model. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { ApplicationError } from '../errors.ts'
import { featureSchema } from '../features/schema.ts'
import type { UnpublishedRelease } from '../models/release.ts'
import type { LabelledWindow } from './labelled-windows.ts'

/** A window to learn from or to compare on. */
export type Example = Pick<LabelledWindow, 'deviceId' | 'label' | 'features' | 'turned'>

export interface LearnerOptions {
  /** All that are to be told apart. */
  readonly labels: readonly string[]
  readonly seed: number
  /** An interpreter that has the packages of spark-jobs/requirements.txt. */
  readonly python: string
  /** A line for people. */
  readonly onProgress: (line: string) => void
}

const share = z.number().gt(0).max(1)
/** How a model is learned: what train.py writes into the lineage. Bounded, since it comes with a release. */
const recipeSchema = z.object({
  trees: z.object({
    n_estimators: z.int().min(1).max(1000),
    max_depth: z.int().min(1).max(12),
    learning_rate: share,
    subsample: share,
    colsample_bytree: share,
  }),
  network: z.boolean(),
  turned: z.boolean(),
  turnedTrees: z.boolean().default(false),
  errorRatio: share,
})
export type Recipe = z.infer<typeof recipeSchema>

/** As train.py does unless told otherwise. */
const usualRecipe: Recipe = {
  trees: { n_estimators: 40, max_depth: 4, learning_rate: 0.3, subsample: 0.6, colsample_bytree: 0.25 },
  network: true,
  turned: false,
  turnedTrees: false,
  errorRatio: 0.5,
}

/** A candidate is learned as the release that serves was, so that what was labelled makes the difference. */
export function recipeOf({ lineage }: UnpublishedRelease): Recipe {
  try {
    return recipeSchema.parse(JSON.parse(lineage.parameters ?? ''))
  } catch {
    return usualRecipe
  }
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

/** @throws ApplicationError RETRAINING_FAILED */
export async function learn(
  labelled: readonly Example[],
  recipe: Recipe,
  { labels, python, seed, onProgress }: LearnerOptions,
): Promise<Learned> {
  const examples = labelled.flatMap(({ turned, ...own }) => [
    { ...own, turned: false },
    ...(turned === undefined ? [] : [{ ...own, features: turned, turned: true }]),
  ])
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
        classes: examples.map(({ label }) => labels.indexOf(label)),
        people: examples.map(({ deviceId }) => deviceId),
        turned: examples.map(({ turned }) => turned),
        labels: labels.length,
        recipe,
        seed,
      }),
    )
    let trouble = `it ended without a word`
    const progress = (async () => {
      for await (const line of createInterface({ input: child.stderr })) {
        if (line.trim() !== '') trouble = line.trim()
        if (/^\d\d:\d\d:\d\d /.test(line)) onProgress(line)
      }
    })()
    const [said, code] = await Promise.all([text(child.stdout), ended, progress])
    if (code !== 0) throw new Error(trouble)
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
