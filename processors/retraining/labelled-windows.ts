/** Labelled windows of recordings, cut as the stream cuts them, with their features. */

import type { SensorReading } from '../../schemas/index.ts'
import { featureExtractor } from '../features/extract.ts'
import { featureSchema } from '../features/schema.ts'
import { openRecordings } from '../recordings/reader.ts'

export interface LabelledWindow {
  readonly deviceId: string
  /** Inclusive, ms since the epoch. */
  readonly start: number
  readonly label: string
  readonly features: Float32Array
  /** Those of the same window as of a watch worn the other way round, if they were asked for. */
  readonly turned?: Float32Array
}

/** Fields that change their sign when the device is turned about the axis through its face; as in spark-jobs/recordings.py. */
const TURNED: ReadonlySet<string> = new Set([
  'pitch',
  'roll',
  'rotationRateX',
  'rotationRateY',
  'userAccelerationX',
  'userAccelerationY',
])

/**
 * In order of device and time; windows whose samples do not share one label are left out.
 * @param turned whether features as of a watch worn the other way round come with them
 * @throws ApplicationError
 */
export async function labelledWindows(
  directory: string,
  { turned = false }: { readonly turned?: boolean } = {},
): Promise<LabelledWindow[]> {
  const recordings = await openRecordings(directory, { now: Date.now })
  const readings = new Map<string, SensorReading[]>()
  for await (const chunk of recordings.events()) {
    for (const event of chunk) {
      if (event.kind !== 'reading') continue
      const own = readings.get(event.reading.deviceId) ?? []
      readings.set(event.reading.deviceId, own)
      own.push(event.reading)
    }
  }
  return [...readings].flatMap(([deviceId, own]) => windowsOf(deviceId, own, turned))
}

function windowsOf(deviceId: string, readings: SensorReading[], turned: boolean): LabelledWindow[] {
  const extractor = featureExtractor(featureSchema)
  const size = featureSchema.seconds * 1000
  const advance = featureSchema.advanceSeconds * 1000
  readings.sort((a, b) => a.stamp - b.stamp)
  const cut = new Map<number, SensorReading[]>()
  for (const reading of readings) {
    for (
      let start = reading.stamp - (reading.stamp % advance);
      start > reading.stamp - size;
      start -= advance
    ) {
      const window = cut.get(start) ?? []
      cut.set(start, window)
      window.push(reading)
    }
  }
  return [...cut].flatMap(([start, samples]) => {
    const [{ userActivityLabel: label }] = samples as [SensorReading]
    if (label === null || samples.some(sample => sample.userActivityLabel !== label)) return []
    const features = (sign: (field: string) => number): Float32Array =>
      extractor.features({
        start,
        end: start + size,
        count: samples.length,
        timestamps: Float64Array.from(samples, sample => sample.stamp),
        column: field => Float64Array.from(samples, sample => sign(field) * cell(sample, field)),
      })
    const other = turned && { turned: features(field => (TURNED.has(field) ? -1 : 1)) }
    return [{ deviceId, start, label, features: features(() => 1), ...other }]
  })
}

function cell(sample: SensorReading, field: string): number {
  const value = Object.entries(sample).find(([name]) => name === field)?.[1]
  return typeof value === 'number' ? value : Number.NaN
}
