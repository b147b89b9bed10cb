/** Scores feature vectors with an ONNX model. */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { FEATURES } from './motion-stats.ts'

/** Class probabilities of each feature vector, in their order. */
export type Scorer = (features: readonly Float32Array[]) => Promise<readonly Float32Array[]>

/** @param model a file; one intra-op thread, so that all work is done in the thread that asks for it */
export async function onnxScorer(model: string): Promise<Scorer> {
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3,
  })
  const [input = ''] = session.inputNames
  const scoreAll: Scorer = async features => {
    const rows = new Float32Array(features.length * FEATURES)
    for (const [i, row] of features.entries()) rows.set(row, i * FEATURES)
    const tensor = new Tensor('float32', rows, [features.length, FEATURES])
    const { probabilities } = await session.run({ [input]: tensor }, ['probabilities'])
    if (!(probabilities?.data instanceof Float32Array)) throw new Error(`${model} gives no probabilities`)
    const { data } = probabilities
    const classes = data.length / features.length
    return features.map((_, i) => data.subarray(i * classes, (i + 1) * classes))
  }
  return together(scoreAll)
}

/**
 * Calls that come in one turn of the event loop, as those of the tasks that commit together, become one. The trees of a model
 * are in no cache when their turn comes: 50 rows cost 32 µs each, 200 cost 19.
 */
function together(scoreAll: Scorer): Scorer {
  let waiting: Float32Array[] = []
  let scores: Promise<readonly Float32Array[]> | undefined
  const score = async (): ReturnType<Scorer> => {
    await new Promise(resolve => setImmediate(resolve))
    const all = waiting
    waiting = []
    scores = undefined
    return await scoreAll(all)
  }
  return async features => {
    const from = waiting.length
    waiting.push(...features)
    scores ??= score()
    return (await scores).slice(from, from + features.length)
  }
}
