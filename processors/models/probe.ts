/** A model is tried with the vector that its release brings: it must answer as in training, the same in every batch, in time. */
import type { ModelRelease } from '../../schemas/index.ts'
import type { OnnxModel } from './onnx-model.ts'

/** Rows scored in one call; larger batches are divided. */
export const BATCH = 64
/** Batch sizes that must give the same bits. */
const PROBED_BATCHES = [1, 7, BATCH]
const TOLERANCE = 1e-4
/**
 * Milliseconds of CPU for a window, scored in a batch, in the faster of two tries. A watch closes a window every 2.5 s, so at
 * the limit one core scores what 5,000 watches close. Boosted trees of a megabyte take 0.02.
 */
const CPU_LIMIT = 0.5

/** What is wrong with the answers, or nothing. */
export async function probeMismatch(
  model: OnnxModel,
  { probeFeatures, probeProbabilities, labels }: ModelRelease,
  width: number,
): Promise<string | undefined> {
  if (probeFeatures.length !== width) return `its probe has ${probeFeatures.length} features, not ${width}`
  if (probeProbabilities.length !== labels.length)
    return `its probe expects ${probeProbabilities.length} probabilities, not ${labels.length}`
  let first: Float32Array | undefined
  for (const count of PROBED_BATCHES) {
    const answer = await model.run(repeated(probeFeatures, count), count)
    first ??= answer.slice()
    for (let at = 0; at < answer.length; at++) {
      const expected = probeProbabilities[at % labels.length]!
      if (!(Math.abs(answer[at]! - expected) <= TOLERANCE)) {
        return `to its probe it answers ${answer[at]} for ${labels[at % labels.length]} instead of ${expected}`
      }
      if (!Object.is(answer[at], first[at % labels.length]))
        return `in a batch of ${count} it answers otherwise than alone`
    }
  }
  return undefined
}

/** What is wrong with its speed, or nothing. Of CPU time, since a busy machine is no fault of the model. */
export async function slowness(
  model: OnnxModel,
  { probeFeatures }: ModelRelease,
): Promise<string | undefined> {
  const times: number[] = []
  for (let attempt = 0; attempt < 2; attempt++) {
    const batch = repeated(probeFeatures, BATCH)
    const before = process.cpuUsage()
    await model.run(batch, BATCH)
    const { user, system } = process.cpuUsage(before)
    times.push((user + system) / 1000 / BATCH)
  }
  const best = Math.min(...times)
  if (best <= CPU_LIMIT) return undefined
  return `a window takes it ${best.toFixed(2)} ms of CPU, at most ${CPU_LIMIT} are granted`
}

function repeated(vector: readonly number[], count: number): Float32Array {
  const rows = new Float32Array(vector.length * count)
  for (let at = 0; at < rows.length; at += vector.length) rows.set(vector, at)
  return rows
}
