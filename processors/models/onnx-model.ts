/** A model in the ONNX runtime, on this thread: bytes loaded, its interface checked, asked for probabilities. */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { ApplicationError } from '../errors.ts'
import { type ModelSource, readModel, refusalOf } from './model-bytes.ts'

/** Probabilities as the model gives them; where it is computed is not told. */
export interface OnnxModel {
  /**
   * @param features vectors of the model's width, one after the other
   * @returns so many rows of probabilities, one for each class
   */
  run(features: Float32Array, rows: number): Promise<Float32Array>
  close(): Promise<void>
}

/** What a model must look like. */
export interface ModelShape {
  /** Features in a vector. */
  readonly width: number
  readonly classes: number
}

/** @throws ApplicationError MODEL_…, with the reason why the release must not serve */
export async function loadOnnx(source: ModelSource, shape: ModelShape): Promise<OnnxModel> {
  const refuse = refusalOf(source)
  const bytes = await readModel(source)
  let session: InferenceSession
  try {
    // One thread: results do not depend on how work is divided, and the nodes' threads are not crowded.
    session = await InferenceSession.create(bytes, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0]! : String(cause)
    throw refuse('MODEL_UNLOADABLE', reason, cause)
  }
  const mismatch = interfaceMismatch(session, shape)
  if (mismatch !== undefined) {
    await session.release()
    throw refuse('MODEL_INTERFACE_WRONG', mismatch)
  }
  return {
    async run(features, rows) {
      const feeds = { features: new Tensor('float32', features, [rows, shape.width]) }
      const { probabilities } = await session.run(feeds, ['probabilities'])
      if (!(probabilities?.data instanceof Float32Array))
        throw new ApplicationError('MODEL_ANSWER_WRONG', 'a model answered no float32')
      return probabilities.data
    },
    close: () => session.release(),
  }
}

function interfaceMismatch(session: InferenceSession, { width, classes }: ModelShape): string | undefined {
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
