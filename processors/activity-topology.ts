/**
 * The whole pipeline on one page: readings → event-time windows → features → model → confidence routing → predictions and
 * requests for annotation.
 */
import { AnnotationRequest, type AvroSerdes, Prediction, SensorReading } from '../schemas/index.ts'
import { type Graph, hopping, type RecordedInput, string, TopologyBuilder } from '../topology/index.ts'
import type { FeatureExtractor } from './features/extract.ts'
import type { Score } from './models/classifier.ts'
import type { ServedWindow } from './models/shadow.ts'
import { faultOf } from './readings.ts'
import { type Route, type RoutingPolicy, requestCounts, router } from './routing/routing.ts'
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
  /** Is told of windows that were scored just now, before they are committed: it neither waits nor throws. */
  readonly onScored?: (windows: readonly ServedWindow[]) => void
  /** Milliseconds since the epoch: a reading may not come from the future. */
  readonly now: () => number
  readonly routing: RoutingPolicy
  /** Of the readings' topic: the routing's budget is divided among them. */
  readonly partitions: number
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

/** A window on its way from the model to the topics. */
interface RoutedWindow extends Omit<Score, 'route'> {
  readonly deviceId: string
  readonly windowStart: number
  readonly windowEnd: number
  readonly samples: number
  readonly features: Float32Array
  /** Milliseconds since the epoch, as the columns of `signals` are ordered. */
  readonly sampleTimes: Float64Array
  readonly signals: readonly Float32Array[]
  readonly release: ReleaseId
  readonly route: Route
}

export function activityTopology(options: ActivityOptions): Graph {
  const { avro, extractor, release, score, onScored, now, routing, partitions } = options
  const { schema } = extractor
  const fields = motionFields.filter(field => schema.fields.includes(field))
  const routeOf = router(routing, partitions)
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
    .collect(fields, { endsKey: reading => reading === null })

  const scored = windows
    .mapWindows('features', (samples, window) => ({
      deviceId: window.key,
      windowStart: window.start,
      windowEnd: window.end,
      samples: samples.count,
      features: extractor.features(samples),
      // Copied, because the columns are the next window's when the scores are there.
      sampleTimes: Float64Array.from(samples.timestamps.subarray(0, samples.count)),
      signals: fields.map(field => Float32Array.from(samples.column(field).subarray(0, samples.count))),
    }))
    .mapBatch(
      'score',
      async (batch, { recorded }) => {
        const scores = await score(
          recorded,
          batch.map(window => window.features),
        )
        const windows = batch.map((window, i) => ({ ...window, ...scores[i]!, release: recorded }))
        onScored?.(windows)
        return windows
      },
      { recorded: release },
    )

  const counts = activity.store('annotation-budget', requestCounts)
  const routed = scored.processValues<RoutedWindow, { counts: typeof counts }>('route', {
    stores: { counts },
    processor:
      ({ forward, stores }) =>
      ({ value }) =>
        forward({ value: { ...value, route: routeOf(value, stores.counts) } }),
  })

  routed
    .mapValues(
      ({
        features: _,
        sampleTimes: __,
        signals: ___,
        release: { name, version },
        ...window
      }): Prediction => ({
        ...window,
        modelName: name,
        modelVersion: version,
        featureSchemaHash: schema.hash,
      }),
      { name: 'prediction' },
    )
    .to(topics.predictions, { value: avro.value(topics.predictions, Prediction) })

  routed
    .split('confidence', {
      asked: ({ route }) => route === 'unsure' || route === 'randomArm',
      settled: () => true,
    })
    .asked.mapValues(
      ({
        confidence: _,
        route,
        release: { name, version },
        features,
        sampleTimes,
        signals,
        ...window
      }): AnnotationRequest => ({
        ...window,
        features: [...features],
        modelName: name,
        modelVersion: version,
        featureSchemaHash: schema.hash,
        arm: route === 'randomArm' ? 'random' : 'unsure',
        sampleTimes: Array.from(sampleTimes, time => time - window.windowStart),
        signals: Object.fromEntries(fields.map((field, i) => [field, [...signals[i]!]])),
      }),
      { name: 'annotation-request' },
    )
    .to(topics.annotationRequests, { value: avro.value(topics.annotationRequests, AnnotationRequest) })

  windows.late.to(topics.lateReadings, { value: avro.value(topics.lateReadings, SensorReading) })
  return activity.build()
}
