/** Publishes releases on the topic of models. */
import { type AvroSerdes, ModelRelease } from '../../schemas/index.ts'
import type { Log, Timers } from '../../topology/index.ts'
import type { FeatureSchema } from '../features/schema.ts'
import { topics } from '../topics.ts'
import { loadClassifier } from './classifier.ts'
import { releaseKey, type UnpublishedRelease } from './release.ts'

export interface PublishOptions {
  readonly log: Log
  readonly avro: AvroSerdes
  /** Of the features that the nodes compute. */
  readonly schema: Pick<FeatureSchema, 'hash' | 'features'>
  readonly clientId: string
  readonly timers: Pick<Timers, 'now'>
}

/**
 * Verifies a release as the nodes will, and writes its event; the topic exists. A release published before gets the
 * new status, and promoted it is the one in force, also if it is older than others.
 * @throws ApplicationError MODEL_…, with nothing published; TickerError LOG_…
 */
export async function publishRelease(
  release: UnpublishedRelease,
  status: 'candidate' | 'promoted',
  { log, avro, schema, clientId, timers }: PublishOptions,
): Promise<ModelRelease> {
  const event: ModelRelease = {
    ...release,
    status,
    publishedAt: timers.now(),
    location: null,
    signature: null,
  }
  const classifier = await loadClassifier(event, schema)
  await classifier.close()
  const value = avro.value(topics.models, ModelRelease)
  await avro.register()
  const producer = await log.producer({ clientId })
  try {
    await producer.init()
    await producer.send([
      {
        topic: topics.models,
        partition: 0,
        key: Buffer.from(releaseKey(event), 'utf8'),
        value: value.serialize(event),
        timestamp: event.publishedAt,
      },
    ])
  } finally {
    await producer.close()
  }
  return event
}
