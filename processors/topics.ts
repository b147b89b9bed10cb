import type { TopicSpec } from '../topology/index.ts'

/** The application's id: the consumer group and the prefix of its internal topics. */
export const applicationId = 'activity'

/** The application's own topics. */
export const topics = {
  /** What the watches measure; key: device. */
  readings: 'ticker-watch-data',
  /** Readings that came too late for a window. */
  lateReadings: 'ticker-watch-late',
  predictions: 'activity-predictions',
  /** What a release in shadow says of windows, for comparison; key: device. The sink never sees it. */
  shadowPredictions: 'activity-shadow-predictions',
  annotationRequests: 'annotation-requests',
  /** What people said of windows; key: device. */
  annotations: 'annotations',
  /** Which windows are before a person at present; key: device. */
  annotationClaims: 'annotation-claims',
  /** Releases of the classifier; key: name@version. */
  models: 'activity-models',
  /** Who did what; key: who. */
  audit: 'audit',
} as const

/** Kept for ever by time: event time may lie years back, and a broker counts a record's age by its timestamp. */
const historical = { 'retention.ms': '-1' } as const

/** One order for all that was done; small, and kept. */
export const auditTopic: TopicSpec = {
  topic: topics.audit,
  partitions: 1,
  config: { ...historical, 'retention.bytes': '-1' },
}

/**
 * @param partitions of the topics that are divided by device
 * @param replicationFactor the cluster's default if undefined
 */
export function topicSpecs(partitions: number, replicationFactor?: number): readonly TopicSpec[] {
  const divided = [
    topics.readings,
    topics.lateReadings,
    topics.predictions,
    topics.shadowPredictions,
    topics.annotationRequests,
  ]
  const specs = [
    ...divided.map(topic => ({ topic, partitions, config: historical })),
    // What people said is small, and all of it counts.
    { topic: topics.annotations, partitions, config: { ...historical, 'retention.bytes': '-1' } },
    // A claim is over after minutes.
    { topic: topics.annotationClaims, partitions, config: { 'retention.ms': '86400000' } },
    // Every event counts (a rollback publishes an old version again), so nothing of it is compacted or dropped.
    {
      topic: topics.models,
      partitions: 1,
      config: { ...historical, 'retention.bytes': '-1', 'max.message.bytes': '4194304' },
    },
    auditTopic,
  ]
  return specs.map(spec => ({ ...spec, replicationFactor }))
}
