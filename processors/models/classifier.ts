/** A model ready to score: loaded, and verified in all that its release says of it. */
import type { ModelRelease } from '../../schemas/index.ts'
import { ApplicationError } from '../errors.ts'
import type { FeatureSchema } from '../features/schema.ts'
import { refusalOf } from './model-bytes.ts'
import { loadOnnx, type OnnxModel } from './onnx-model.ts'
import { BATCH, probeMismatch } from './probe.ts'
import { releaseKey } from './release.ts'
import { loadOnThread } from './scoring-thread.ts'

/** Bytes of a model that is loaded and scored on the calling thread, which loading blocks for some 30 ms. */
const OWN_THREAD_LIMIT = 1_000_000

/** What a model says of one window. */
export interface Score {
  /** The class with the greatest probability. */
  readonly label: string
  /** Its calibrated probability. */
  readonly confidence: number
  /** How far it is ahead of the next one. */
  readonly margin: number
  /** Calibrated, in the order of the release's labels. */
  readonly probabilities: readonly number[]
  /** Whether confidence and margin reach what the release asks for; `routing/` decides what follows from it. */
  readonly route: 'sure' | 'unsure'
}

export interface Classifier {
  readonly release: ModelRelease
  /**
   * One score per feature vector, in their order; the same bits whatever else is in the batch.
   * @throws ApplicationError MODEL_CLOSED, MODEL_FEATURES_FOREIGN for a vector of another length
   */
  score(features: readonly Float32Array[]): Promise<Score[]>
  /** Frees the model once the scoring under way is done; no more may begin. */
  close(): Promise<void>
}

export interface LoadOptions {
  /** Always in a thread of its own, however small: for scoring that nothing waits for. */
  readonly apart?: boolean
}

/**
 * A model of more than 1 MB is loaded and scored in a thread of its own.
 * @param schema of the features that this node computes
 * @throws ApplicationError MODEL_…, with the reason why the release must not serve
 */
export async function loadClassifier(
  release: ModelRelease,
  schema: Pick<FeatureSchema, 'hash' | 'features'>,
  { apart = release.size > OWN_THREAD_LIMIT }: LoadOptions = {},
): Promise<Classifier> {
  const refuse = refusalOf(release)
  if (release.featureSchemaHash !== schema.hash) {
    throw refuse(
      'MODEL_FEATURES_FOREIGN',
      `it was trained on the features ${release.featureSchemaHash}, this node computes ${schema.hash}`,
    )
  }
  const width = schema.features.length
  const shape = { width, classes: release.labels.length }
  const model = apart ? await loadOnThread(release, shape) : await loadOnnx(release, shape)
  try {
    const wrong = await probeMismatch(model, release, width)
    if (wrong !== undefined) throw refuse('MODEL_ANSWER_WRONG', wrong)
  } catch (error) {
    await model.close()
    throw error
  }
  return classifier(release, model, width)
}

function classifier(release: ModelRelease, model: OnnxModel, width: number): Classifier {
  // The runtime rejects a run under way when its session is released, so the last one out turns off the light.
  let running = 0
  let idle = (): void => {}
  let closed: Promise<void> | undefined

  return {
    release,
    async score(features) {
      if (closed !== undefined)
        throw new ApplicationError('MODEL_CLOSED', `the model ${releaseKey(release)} was closed`)
      running++
      try {
        const scores: Score[] = []
        for (let at = 0; at < features.length; at += BATCH) {
          const rows = features.slice(at, at + BATCH)
          const probabilities = await model.run(joined(rows, width), rows.length)
          rows.forEach((_, row) => {
            const raw = probabilities.subarray(row * release.labels.length, (row + 1) * release.labels.length)
            scores.push(scoreOf(raw, release))
          })
        }
        return scores
      } finally {
        running--
        if (running === 0) idle()
      }
    },
    close() {
      closed ??= new Promise<void>(resolve => {
        idle = resolve
        if (running === 0) resolve()
      }).then(() => model.close())
      return closed
    },
  }
}

/** Calibrates by temperature (Guo et al., On Calibration of Modern Neural Networks, ICML 2017) and routes. */
export function scoreOf(
  raw: ArrayLike<number>,
  release: Pick<ModelRelease, 'labels' | 'temperature' | 'minimumConfidence' | 'minimumMargin'>,
): Score {
  const powers = Array.from(raw, probability => probability ** (1 / release.temperature))
  const sum = powers.reduce((total, power) => total + power, 0)
  if (!(sum > 0 && Number.isFinite(sum)))
    throw new ApplicationError('MODEL_ANSWER_WRONG', `a model answered ${Array.from(raw)}`)
  const probabilities = powers.map(power => power / sum)
  let best = 0
  for (let i = 1; i < probabilities.length; i++) if (probabilities[i]! > probabilities[best]!) best = i
  const confidence = probabilities[best]!
  const margin = confidence - Math.max(...probabilities.filter((_, i) => i !== best))
  const sure = confidence >= release.minimumConfidence && margin >= release.minimumMargin
  return { label: release.labels[best]!, confidence, margin, probabilities, route: sure ? 'sure' : 'unsure' }
}

/** Vectors one after the other. */
function joined(rows: readonly Float32Array[], width: number): Float32Array {
  const input = new Float32Array(rows.length * width)
  rows.forEach((row, index) => {
    if (row.length !== width) {
      throw new ApplicationError(
        'MODEL_FEATURES_FOREIGN',
        `a vector has ${row.length} features, the model takes ${width}`,
      )
    }
    input.set(row, index * width)
  })
  return input
}
