/** A model ready to score: loaded, and verified in all that its release says of it. */
import { createHash } from 'node:crypto'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { ModelRelease } from '../../schemas/index.ts'
import { ApplicationError, type ApplicationErrorCode } from '../errors.ts'
import type { FeatureSchema } from '../features/schema.ts'
import { releaseKey } from './release.ts'

/** Bytes. Loading is done on this thread and blocks it; a model of this size takes about 30 ms. */
const SIZE_LIMIT = 1_000_000
/** Rows scored in one call; larger batches are divided. */
const BATCH = 64
/** Batch sizes that must give the same bits. */
const PROBED_BATCHES = [1, 7, BATCH]
const PROBE_TOLERANCE = 1e-4

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

/**
 * @param schema of the features that this node computes
 * @throws ApplicationError MODEL_…, with the reason why the release must not serve
 */
export async function loadClassifier(
  release: ModelRelease,
  schema: Pick<FeatureSchema, 'hash' | 'features'>,
): Promise<Classifier> {
  const refuse = (code: ApplicationErrorCode, reason: string, cause?: unknown): never => {
    throw new ApplicationError(code, `the release ${releaseKey(release)} is refused: ${reason}`, { cause })
  }
  const onnx = release.onnx ?? refuse('MODEL_BYTES_MISSING', 'it holds no model')
  if (onnx.length > SIZE_LIMIT)
    refuse('MODEL_TOO_LARGE', `the model has ${onnx.length} bytes, at most ${SIZE_LIMIT} are served`)
  if (onnx.length !== release.size)
    refuse('MODEL_DAMAGED', `the model has ${onnx.length} bytes, not ${release.size}`)
  const sha256 = createHash('sha256').update(onnx).digest('hex')
  if (sha256 !== release.sha256)
    refuse('MODEL_DAMAGED', `the sha256 of the model is ${sha256}, not ${release.sha256}`)
  if (release.featureSchemaHash !== schema.hash) {
    refuse(
      'MODEL_FEATURES_FOREIGN',
      `it was trained on the features ${release.featureSchemaHash}, this node computes ${schema.hash}`,
    )
  }

  let session: InferenceSession
  try {
    // One thread: results do not depend on how work is divided, and the nodes' threads are not crowded.
    session = await InferenceSession.create(onnx, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    })
  } catch (cause) {
    return refuse(
      'MODEL_UNLOADABLE',
      cause instanceof Error ? cause.message.split('\n')[0]! : String(cause),
      cause,
    )
  }
  try {
    const mismatch = interfaceMismatch(session, schema.features.length, release.labels.length)
    if (mismatch !== undefined) refuse('MODEL_INTERFACE_WRONG', mismatch)
    const wrong = await probeMismatch(session, release, schema.features.length)
    if (wrong !== undefined) refuse('MODEL_ANSWER_WRONG', wrong)
  } catch (error) {
    await session.release()
    throw error
  }
  return classifier(release, session, schema.features.length)
}

function classifier(release: ModelRelease, session: InferenceSession, width: number): Classifier {
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
          const probabilities = await run(session, rows, width)
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
      }).then(() => session.release())
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

/** The model's probabilities as they are, row by row. */
async function run(
  session: InferenceSession,
  rows: readonly Float32Array[],
  width: number,
): Promise<Float32Array> {
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
  const feeds = { features: new Tensor('float32', input, [rows.length, width]) }
  const { probabilities } = await session.run(feeds, ['probabilities'])
  if (!(probabilities?.data instanceof Float32Array))
    throw new ApplicationError('MODEL_ANSWER_WRONG', 'a model answered no float32')
  return probabilities.data
}

function interfaceMismatch(session: InferenceSession, width: number, classes: number): string | undefined {
  const inputs = session.inputMetadata
  const [features] = inputs
  if (inputs.length !== 1 || features?.name !== 'features') {
    return `its inputs are ${inputs.map(input => input.name).join(', ')}, not features alone`
  }
  if (!isTensor(features, 'float32', width))
    return `its input features is not float32 [n, ${width}], but ${described(features)}`
  const label = session.outputMetadata.find(output => output.name === 'label')
  if (label === undefined || !label.isTensor || label.type !== 'int64')
    return 'it has no output label of int64'
  const probabilities = session.outputMetadata.find(output => output.name === 'probabilities')
  if (probabilities === undefined) return 'it has no output probabilities'
  if (!isTensor(probabilities, 'float32', classes)) {
    return `its output probabilities is not float32 [n, ${classes}] as there are ${classes} labels, but ${described(probabilities)}`
  }
  return undefined
}

/** A matrix of any number of rows, which are so wide. */
function isTensor(value: InferenceSession.ValueMetadata, type: string, width: number): boolean {
  if (!value.isTensor || value.type !== type || value.shape.length !== 2) return false
  const [rows, columns] = value.shape
  return (typeof rows === 'string' || rows === -1) && columns === width
}

function described(value: InferenceSession.ValueMetadata): string {
  return value.isTensor ? `${value.type} [${value.shape.join(', ')}]` : 'no tensor'
}

async function probeMismatch(
  session: InferenceSession,
  release: ModelRelease,
  width: number,
): Promise<string | undefined> {
  const { probeFeatures, probeProbabilities, labels } = release
  if (probeFeatures.length !== width) return `its probe has ${probeFeatures.length} features, not ${width}`
  if (probeProbabilities.length !== labels.length)
    return `its probe expects ${probeProbabilities.length} probabilities, not ${labels.length}`
  const probe = Float32Array.from(probeFeatures)
  let first: Float32Array | undefined
  for (const count of PROBED_BATCHES) {
    const answer = await run(session, Array<Float32Array>(count).fill(probe), width)
    first ??= answer.slice()
    for (let at = 0; at < answer.length; at++) {
      const expected = probeProbabilities[at % labels.length]!
      if (!(Math.abs(answer[at]! - expected) <= PROBE_TOLERANCE)) {
        return `to its probe it answers ${answer[at]} for ${labels[at % labels.length]} instead of ${expected}`
      }
      if (!Object.is(answer[at], first[at % labels.length]))
        return `in a batch of ${count} it answers otherwise than alone`
    }
  }
  return undefined
}
