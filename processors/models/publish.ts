/** Publishes releases on the topic of models. */
import { type AvroSerdes, ModelRelease, type ReleaseStatus } from '../../schemas/index.ts'
import type { Log, Timers } from '../../topology/index.ts'
import type { FeatureSchema } from '../features/schema.ts'
import { topics } from '../topics.ts'
import { refusalOf } from './model-bytes.ts'
import { INLINE_LIMIT, releaseKey, type UnpublishedRelease } from './release.ts'
import { type TrustedSources, trustOf } from './signature.ts'
import { verifyRelease } from './verifier.ts'

export interface PublishOptions {
  readonly log: Log
  readonly avro: AvroSerdes
  /** Of the features that the nodes compute. */
  readonly schema: Pick<FeatureSchema, 'hash' | 'features'>
  readonly trusted: TrustedSources
  readonly clientId: string
  readonly timers: Pick<Timers, 'now'>
}

/** What becomes of a release. */
export interface Publication {
  readonly release: UnpublishedRelease
  readonly status: ReleaseStatus
  /** In a person's words. */
  readonly reason?: string | undefined
}

/**
 * Verifies a release as the nodes will, and writes its event; the topic exists. A release published before gets the
 * new status, and promoted it is the one in force, also if it is older than others.
 * @throws ApplicationError MODEL_…, with nothing published; TickerError LOG_…
 */
export async function publishRelease(
  publication: Publication,
  options: PublishOptions,
): Promise<ModelRelease> {
  await verifyAsNodes(publication.release, options)
  const [event] = await writeEvents([publication], options)
  return event!
}

/** Writes events of releases that are known to be right, one after the other and none without the others. */
export async function writeEvents(
  publications: readonly Publication[],
  { log, avro, clientId, timers }: PublishOptions,
): Promise<readonly ModelRelease[]> {
  const publishedAt = timers.now()
  const events = publications.map(
    ({ release, status, reason = null }): ModelRelease => ({ ...release, status, reason, publishedAt }),
  )
  const value = avro.value(topics.models, ModelRelease)
  await avro.register()
  const producer = await log.producer({ clientId })
  try {
    await producer.init()
    await producer.send(
      events.map(event => ({
        topic: topics.models,
        partition: 0,
        key: Buffer.from(releaseKey(event), 'utf8'),
        value: value.serialize(event),
        timestamp: publishedAt,
      })),
    )
  } finally {
    await producer.close()
  }
  return events
}

async function verifyAsNodes(
  release: UnpublishedRelease,
  { schema, trusted }: PublishOptions,
): Promise<void> {
  const refuse = refusalOf(release)
  const { onnx, featureSchemaHash } = release
  if (onnx !== null && onnx.length > INLINE_LIMIT)
    throw refuse(
      'MODEL_TOO_LARGE_FOR_TOPIC',
      `the model has ${onnx.length} bytes, and ${INLINE_LIMIT} fit into an event`,
    )
  if (featureSchemaHash !== schema.hash) {
    throw refuse(
      'MODEL_FEATURES_FOREIGN',
      `it was trained on the features ${featureSchemaHash}, the nodes compute ${schema.hash}`,
    )
  }
  const event: ModelRelease = { ...release, status: 'candidate', publishedAt: 0, reason: null }
  if (trustOf(event, trusted) === 'shipped') return
  await verifyRelease(event, schema.features.length)
}
