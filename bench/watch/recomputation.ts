/**
 * What the workload must emit, computed from the input file alone, for the test: it shares no code with the engine, the
 * program or their schemas.
 */
import { readFileSync } from 'node:fs'
import avsc from 'avsc'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { InputRecord } from './input.ts'

const SIZE = 5000
const ADVANCE = 2500
const GRACE = 1000
const AXES = ['yaw', 'pitch', 'roll', 'rotationRateX', 'rotationRateY', 'rotationRateZ'].concat(
  ['userAccelerationX', 'userAccelerationY', 'userAccelerationZ'], // in the order of the features
)

export interface Emitted {
  readonly topic: string
  readonly count: number
  readonly label: number
  readonly confidence: number
}

type Reading = Readonly<Record<string, number | null>>

/** Decodes the body behind Confluent's header of 5 bytes. */
export function decoderOf(schema: string): (value: Buffer) => Record<string, unknown> {
  const type = avsc.Type.forSchema(JSON.parse(readFileSync(schema, 'utf8')))
  return value => type.decode(value, 5).value
}

/** The windows that are closed at the end of the input, by device and start. */
export async function recompute(
  records: readonly InputRecord[],
  files: { readonly model: string; readonly readingSchema: string },
): Promise<Map<string, Emitted>> {
  const decode = decoderOf(files.readingSchema)
  const streamTime = new Map<number, number>()
  const windows = new Map<string, { partition: number; start: number; readings: Reading[] }>()
  for (const { partition, timestamp, key, value } of records) {
    streamTime.set(partition, Math.max(timestamp, streamTime.get(partition) ?? 0))
    const last = Math.floor(timestamp / ADVANCE) * ADVANCE
    for (let start = last; start > timestamp - SIZE; start -= ADVANCE) {
      const name = `${key} ${start}`
      const window = windows.get(name) ?? { partition, start, readings: [] }
      windows.set(name, window)
      window.readings.push(decode(value) as Reading) // the fields used here are numbers
    }
  }
  const session = await InferenceSession.create(files.model)
  const expected = new Map<string, Emitted>()
  for (const [name, { partition, start, readings }] of windows) {
    if (start + SIZE + GRACE > streamTime.get(partition)!) continue
    const features = Float32Array.from(featuresOf(readings))
    const input = new Tensor('float32', features, [1, features.length])
    const { probabilities } = await session.run({ [session.inputNames[0]!]: input })
    const row = Array.from(probabilities!.data as Float32Array)
    const confidence = Math.max(...row)
    expected.set(name, {
      topic: confidence >= Math.fround(0.6) ? 'predictions' : 'annotation-requests',
      count: readings.length,
      label: row.indexOf(confidence),
      confidence,
    })
  }
  await session.release()
  return expected
}

function featuresOf(readings: readonly Reading[]): number[] {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  const features = AXES.flatMap(axis => {
    const values = readings.map(reading => reading[axis]!)
    const [average, meanSquare] = [mean(values), mean(values.map(value => value * value))]
    const deviation = Math.sqrt(Math.max(0, meanSquare - average * average))
    return [average, deviation, Math.min(...values), Math.max(...values), Math.sqrt(meanSquare)]
  })
  const speeds = readings.flatMap(({ speed }) => (speed === null || speed === undefined ? [] : [speed]))
  return [...features, speeds.length === 0 ? 0 : mean(speeds)]
}
