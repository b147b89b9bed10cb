/** What runs in a scoring thread: loads one model, and answers. */
import { parentPort, workerData } from 'node:worker_threads'
import { loadOnnx } from './onnx-model.ts'
import type { ScoringMessage, ScoringRequest, ScoringThreadData } from './scoring-thread.ts'

const { source, shape }: ScoringThreadData = workerData
const send = (message: ScoringMessage): void => parentPort?.postMessage(message)
const failed = (error: unknown, id?: number): void =>
  send({
    kind: 'failed',
    ...(id === undefined ? {} : { id }),
    code: error instanceof Error && 'code' in error ? String(error.code) : undefined,
    message: error instanceof Error ? error.message : String(error),
  })

try {
  // Bytes arrive as a plain array of them.
  const onnx = source.onnx === null ? null : Buffer.from(source.onnx)
  const model = await loadOnnx({ ...source, onnx }, shape)
  parentPort?.on('message', async ({ id, features, rows }: ScoringRequest) => {
    try {
      send({ kind: 'answer', id, probabilities: await model.run(features, rows) })
    } catch (error) {
      failed(error, id)
    }
  })
  send({ kind: 'loaded' })
} catch (error) {
  failed(error)
}
