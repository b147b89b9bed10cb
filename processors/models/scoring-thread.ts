/** A model in a worker thread: large ones, whose loading would block the caller, and those that nothing may wait for. */
import { Worker } from 'node:worker_threads'
import { ApplicationError, isApplicationErrorCode } from '../errors.ts'
import { type ModelSource, refusalOf } from './model-bytes.ts'
import type { ModelShape, OnnxModel } from './onnx-model.ts'

export interface ScoringThreadData {
  readonly source: ModelSource
  readonly shape: ModelShape
}

export interface ScoringRequest {
  readonly id: number
  readonly features: Float32Array
  readonly rows: number
}

export type ScoringMessage =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'answer'; readonly id: number; readonly probabilities: Float32Array }
  | {
      readonly kind: 'failed'
      readonly id?: number
      readonly code: string | undefined
      readonly message: string
    }

interface Waiting {
  readonly resolve: (probabilities: Float32Array) => void
  readonly reject: (error: unknown) => void
}

/** The same as `loadOnnx`, and throws the same. */
export async function loadOnThread(source: ModelSource, shape: ModelShape): Promise<OnnxModel> {
  const workerData: ScoringThreadData = { source, shape }
  const worker = new Worker(new URL('./scoring-worker.mjs', import.meta.url), { workerData })
  const waiting = new Map<number, Waiting>()
  // A model that nobody waits for is no reason for the process to go on.
  const rest = (): void => {
    if (waiting.size === 0) worker.unref()
  }
  let last = 0
  let over: Error | undefined
  return await new Promise<OnnxModel>((resolve, reject) => {
    const end = (error: Error): void => {
      over ??= error
      reject(over)
      for (const each of waiting.values()) each.reject(over)
      waiting.clear()
    }
    worker.on('error', error => end(refusalOf(source)('MODEL_UNLOADABLE', error.message, error)))
    worker.on('exit', () => end(new ApplicationError('MODEL_CLOSED', 'the thread of a model has ended')))
    worker.on('message', (message: ScoringMessage) => {
      if (message.kind === 'loaded') {
        rest()
        return resolve(model)
      }
      const { id } = message
      const asked = id === undefined ? undefined : waiting.get(id)
      if (id !== undefined) waiting.delete(id)
      rest()
      if (message.kind === 'answer') return asked?.resolve(message.probabilities)
      const error = isApplicationErrorCode(message.code)
        ? new ApplicationError(message.code, message.message)
        : new Error(message.message)
      if (asked !== undefined) return asked.reject(error)
      end(error)
      void worker.terminate()
    })
    const model: OnnxModel = {
      run: (features, rows) =>
        new Promise((answered, failed) => {
          if (over !== undefined) return failed(over)
          const id = ++last
          waiting.set(id, { resolve: answered, reject: failed })
          worker.ref()
          const request: ScoringRequest = { id, features, rows }
          worker.postMessage(request)
        }),
      close: async () => {
        await worker.terminate()
      },
    }
  })
}
