/**
 * The whole pipeline on one page: readings → event-time windows → features → model → confidence routing → predictions and
 * requests for annotation.
 */
import { AnnotationRequest, type AvroSerdes, Prediction, SensorReading } from '../schemas/index.ts'
import { type Graph, hopping, type RecordedInput, string, TopologyBuilder } from '../topology/index.ts'
import type { FeatureExtractor } from './features/extract.ts'
import type { Score } from './models/classifier.ts'
import { faultOf } from './readings.ts'
import { topics } from './topics.ts'

/** The release a task scores with. */
export interface ReleaseId {
  readonly name: string
  readonly version: string
}

export interface ActivityOptions {
  readonly avro: AvroSerdes
  readonly extractor: FeatureExtractor
  /** Which release is in force: a recorded decision, so that a restart and a replay score with the release recorded. */
  readonly release: RecordedInput<ReleaseId>
  /** Scores windows with a release that `release` has made ready; one answer per feature vector. */
  readonly score: (release: ReleaseId, features: readonly Float32Array[]) => Promise<readonly Score[]>
  /** Milliseconds since the epoch: a reading may not come from the future. */
  readonly now: () => number
}

/** Readings' fields that are motion; the feature schema says which of them it reads. */
const motionFields = [
  'yaw',
  'pitch',
  'roll',
  'rotationRateX',
  'rotationRateY',
  'rotationRateZ',
  'userAccelerationX',
  'userAccelerationY',
  'userAccelerationZ',
] as const

export function activityTopology({ avro, extractor, release, score, now }: ActivityOptions): Graph {
  const { schema } = extractor
  const activity = new TopologyBuilder()
  const windows = activity
    .stream(topics.readings, {
      key: string,
      value: avro.value(topics.readings, SensorReading),
      timestamp: (reading, record) => reading?.stamp ?? record.timestamp,
      validate: (reading, record) => faultOf(reading, record, now()),
    })
    .groupByKey()
    .window(
      'motion',
      hopping({ size: schema.seconds * 1000, advance: schema.advanceSeconds * 1000, grace: '1 s' }),
      {
        clock: 'perKey',
      },
    )
    .collect(
      motionFields.filter(field => schema.fields.includes(field)),
      {
        endsKey: reading => reading === null,
      },
    )

  const scored = windows
    .mapWindows('features', (samples, window) => ({
      deviceId: window.key,
      windowStart: window.start,
      windowEnd: window.end,
      samples: samples.count,
      features: extractor.features(samples),
    }))
    .mapBatch(
      'score',
      async (batch, { recorded }) => {
        const scores = await score(
          recorded,
          batch.map(window => window.features),
        )
        return batch.map((window, i) => ({ ...window, ...scores[i]!, release: recorded }))
      },
      { recorded: release },
    )

  scored
    .mapValues(
      ({ features: _, release: { name, version }, ...window }): Prediction => ({
        ...window,
        modelName: name,
        modelVersion: version,
        featureSchemaHash: schema.hash,
      }),
      { name: 'prediction' },
    )
    .to(topics.predictions, { value: avro.value(topics.predictions, Prediction) })

  scored
    .split('confidence', { sure: window => window.route === 'sure', unsure: () => true })
    .unsure.mapValues(
      ({ confidence: _, route: __, release: { name, version }, features, ...window }): AnnotationRequest => ({
        ...window,
        features: [...features],
        modelName: name,
        modelVersion: version,
        featureSchemaHash: schema.hash,
      }),
      { name: 'annotation-request' },
    )
    .to(topics.annotationRequests, { value: avro.value(topics.annotationRequests, AnnotationRequest) })

  windows.late.to(topics.lateReadings, { value: avro.value(topics.lateReadings, SensorReading) })
  return activity.build()
}
