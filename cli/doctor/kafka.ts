/** Kafka: brokers, rights, clock, topics, and the release in force that they hold. */
import { randomUUID } from 'node:crypto'
import { applicationId, topicSpecs, topics } from '../../processors/topics.ts'
import type { ModelRelease } from '../../schemas/index.ts'
import type { Admin, TopicDescription } from '../../topology/index.ts'
import type { KafkaSettings, Settings } from '../configuration/settings.ts'
import { clusterOf, openKafka } from '../kafka.ts'
import type { Check, Said } from './check.ts'

/** Milliseconds between the clocks that do no harm: windows that close on idle time wait for seconds. */
const SKEW = 1_000
/** A release of the greatest size that goes into an event, with what surrounds it. */
const RELEASE_BYTES = 4_194_304

export type KafkaCheckSettings = KafkaSettings & Pick<Settings, 'registry' | 'model' | 'trustedKeys'>

export function kafkaChecks(settings: KafkaCheckSettings): readonly Check[] {
  if (settings.brokers === undefined) {
    return [
      {
        name: 'brokers',
        run: async () => ({ said: 'none are set: the log is in the node’s memory', skipped: true }),
      },
    ]
  }
  const clientId = `tickerwatch-doctor-${randomUUID()}`
  const inspect = async () => {
    const { inspectCluster } = await import('../../topology/log/kafka/inspection.ts')
    const wanted = { topics: Object.values(topics), group: applicationId, now: Date.now }
    return await inspectCluster(await clusterOf(settings, clientId), wanted)
  }
  let inspected: ReturnType<typeof inspect> | undefined
  const inspection = () => {
    inspected ??= inspect()
    return inspected
  }
  return [
    {
      name: 'brokers',
      async run() {
        const { brokers, supported } = await inspection()
        const said = `${brokers} at ${settings.brokers?.join(',')}`
        if (supported) return { said }
        return { said: `${said}, older than Kafka 3.6`, remedy: 'Upgrade the brokers to Kafka 3.6 or later.' }
      },
    },
    {
      name: 'authorisation',
      needs: 'brokers',
      async run() {
        const { forbiddenTopics, mayJoin } = await inspection()
        if (forbiddenTopics.length > 0) {
          return {
            said: `may not read and write ${forbiddenTopics.join(', ')}`,
            remedy:
              'Allow READ and WRITE on these topics (kafka-acls --add), and on those that begin with activity-.',
          }
        }
        if (mayJoin) return { said: `may read and write its topics, and join the group ${applicationId}` }
        return {
          said: `may not join the group ${applicationId}`,
          remedy: `Allow READ on the group ${applicationId} (kafka-acls --add).`,
        }
      },
    },
    { name: 'clock', needs: 'brokers', run: async () => clockSaid((await inspection()).clock) },
    { name: 'topics', needs: 'authorisation', run: () => withAdmin(settings, clientId, topicsSaid) },
    { name: 'model', needs: 'topics', run: () => modelSaid(settings, clientId) },
  ]
}

function clockSaid(clock: { readonly ahead: number; readonly within: number } | undefined): Said {
  if (clock === undefined) return { said: 'the brokers do not tell this client their time', skipped: true }
  const difference = Math.round(Math.abs(clock.ahead))
  const said =
    difference <= clock.within
      ? `that of the brokers, within ${Math.ceil(clock.within)} ms`
      : `${difference} ms ${clock.ahead > 0 ? 'behind' : 'ahead of'} that of the brokers`
  if (difference - clock.within <= SKEW) return { said }
  return { said, remedy: 'Let this machine and the brokers take their time from NTP (chronyc tracking).' }
}

async function withAdmin(
  settings: KafkaCheckSettings,
  clientId: string,
  look: (admin: Admin) => Promise<Said>,
): Promise<Said> {
  const log = await openKafka(settings, clientId)
  try {
    return await look(log.admin)
  } finally {
    await log.close()
  }
}

/** The application's topics and those that the engine made for it, as far as they exist. */
async function topicsSaid(admin: Admin): Promise<Said> {
  const { lossesOf } = await import('../../topology/index.ts')
  const names = new Set(await admin.listTopics())
  const readings = await admin.describeTopic(topics.readings)
  const specs = topicSpecs(readings?.partitions ?? 1)
  const faults: string[] = []
  for (const { topic, partitions, config = {} } of specs) {
    const found = names.has(topic) ? await admin.describeTopic(topic) : undefined
    if (found === undefined) continue
    faults.push(...lossesOf(found.config, config).map(loss => `${topic}: ${loss}`))
    if (topic === topics.models) faults.push(...modelTopicFaults(found, partitions))
  }
  for (const topic of names) {
    if (!topic.startsWith(`${applicationId}-`) || !topic.endsWith('-changelog')) continue
    const found = await admin.describeTopic(topic)
    if (found !== undefined) faults.push(...changelogFaults(found, readings?.partitions))
  }
  if (faults.length > 0) {
    return {
      said: faults.join('; '),
      remedy:
        'Give topics the settings named (kafka-configs --alter); a changelog of the wrong partitions is made anew after tickerwatch reset.',
    }
  }
  const missing = specs.filter(({ topic }) => !names.has(topic)).map(({ topic }) => topic)
  if (missing.length > 0) return { said: `the first node that starts makes ${missing.join(', ')}` }
  return { said: `${specs.length} of the application, ${readings?.partitions} partitions of readings` }
}

function modelTopicFaults({ topic, partitions, batchLimit }: TopicDescription, wanted: number): string[] {
  return [
    ...(partitions === wanted ? [] : [`${topic}: ${partitions} partitions instead of ${wanted}`]),
    ...(batchLimit >= RELEASE_BYTES
      ? []
      : [`${topic}: max.message.bytes is ${batchLimit} instead of ${RELEASE_BYTES}`]),
  ]
}

function changelogFaults(
  { topic, partitions, config }: TopicDescription,
  wanted: number | undefined,
): string[] {
  const policy = config['cleanup.policy'] ?? 'delete'
  return [
    ...(policy.includes('compact') ? [] : [`${topic}: cleanup.policy is ${policy} instead of compact`]),
    ...(wanted === undefined || partitions === wanted
      ? []
      : [`${topic}: ${partitions} partitions instead of ${wanted}, as many as of readings`]),
  ]
}

/** Tries the newest release promoted as a node does before it serves by it: signature, bytes, probe. */
async function modelSaid(settings: KafkaCheckSettings, clientId: string): Promise<Said> {
  const { model, registry, trustedKeys } = settings
  const { ReleaseHistory } = await import('../../processors/models/release-history.ts')
  const { trustedSources } = await import('../../processors/models/trusted-sources.ts')
  const { avroSerdes, confluentRegistry, localRegistry } = await import('../../schemas/index.ts')
  const { systemTimers } = await import('../../topology/index.ts')
  const log = await openKafka(settings, clientId)
  try {
    if ((await log.admin.describeTopic(topics.models)) === undefined)
      return { said: 'no release is published yet; the first node that starts publishes what is shipped' }
    const avro = avroSerdes(registry === undefined ? localRegistry() : confluentRegistry(registry))
    const history = new ReleaseHistory({
      log,
      avro,
      name: model,
      trusted: await trustedSources(trustedKeys),
      clientId,
      timers: systemTimers,
      logger: { info: () => {}, warn: () => {} },
    })
    // A registry of this process knows nothing yet; a real one is only asked.
    if (registry === undefined) await avro.register()
    history.start(() => {})
    try {
      await history.caughtUp()
      const [version] = history.promoted
      const refused = history.refused.at(-1)
      if (version === undefined && refused !== undefined)
        return {
          said: `${refused.code}: ${refused.reason}`,
          remedy: 'Publish a release that can be trusted.',
        }
      if (version === undefined) return { said: `no release of ${model} is promoted yet` }
      return await verifiedSaid(await history.fetch(version))
    } finally {
      await history.close()
    }
  } finally {
    await log.close()
  }
}

async function verifiedSaid(release: ModelRelease): Promise<Said> {
  const { featureSchema } = await import('../../processors/features/schema.ts')
  const { verifyRelease } = await import('../../processors/models/verifier.ts')
  await verifyRelease(release, featureSchema.features.length)
  return { said: `${release.name}@${release.version} is in force, and passes its probe` }
}
