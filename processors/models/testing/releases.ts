/** Releases of small models for tests. */
import { createHash } from 'node:crypto'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { UnpublishedRelease } from '../release.ts'
import type { TrustedSources } from '../signature.ts'
import { type ForestShape, forest, generator } from './onnx.ts'

export const LABELS = ['sit', 'stand', 'walk', 'run']

/** As much of a feature schema as models are held against: so many features. */
export const SCHEMA = {
  hash: '0123456789abcdef',
  features: Array.from({ length: 12 }, (_, i) => feature(`f${i}`)),
}

/** A release of a random forest, right in everything; `changes` make it wrong. */
export async function release(
  version: string,
  changes: Partial<UnpublishedRelease> & { readonly shape?: Partial<ForestShape> } = {},
): Promise<UnpublishedRelease> {
  const { shape, ...fields } = changes
  const seed = Number(version.replaceAll(/\D/g, ''))
  const onnx = forest({ width: SCHEMA.features.length, classes: LABELS.length, trees: 40, seed, ...shape })
  const probeFeatures = [...(fields.probeFeatures ?? vector(seed))]
  return {
    name: 'watch',
    version,
    featureSchemaHash: SCHEMA.hash,
    labels: LABELS,
    temperature: 1.5,
    minimumConfidence: 0.5,
    minimumMargin: 0.1,
    metrics: { accuracy: 0.8 },
    lineage: { data: 'random' },
    sha256: createHash('sha256').update(onnx).digest('hex'),
    size: onnx.length,
    onnx,
    location: null,
    signature: null,
    probeFeatures,
    probeProbabilities: await answer(onnx, probeFeatures),
    ...fields,
  }
}

/** Nobody in particular. */
export const ANYONE: TrustedSources = { keys: [], shipped: new Set() }

/** A feature vector. */
export function vector(seed: number, width = SCHEMA.features.length): Float32Array {
  const random = generator(seed)
  return Float32Array.from({ length: width }, () => random() * 2 - 1)
}

/** What a model answers; nothing for one that cannot be asked. */
async function answer(onnx: Buffer, features: readonly number[]): Promise<number[]> {
  const session = await InferenceSession.create(onnx)
  const [input] = session.inputMetadata
  const width = input?.isTensor ? Number(input.shape[1]) : 0
  if (input?.name !== 'features' || width !== features.length) return []
  const { probabilities } = await session.run({
    features: new Tensor('float32', Float32Array.from(features), [1, width]),
  })
  return probabilities?.data instanceof Float32Array ? [...probabilities.data] : []
}

function feature(name: string) {
  return { name, channels: ['yaw'], primitive: 'mean', parameters: {} }
}
