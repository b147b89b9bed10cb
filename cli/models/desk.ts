/** Where releases are handled: in the running node, through its routes, or on Kafka, by this process itself. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { parseRelease, releaseJson, releaseKey } from '../../processors/models/release.ts'
import type { ReleaseChange, ReleaseDesk } from '../../processors/models/release-desk.ts'
import type { ModelsStatus } from '../../service/status.ts'
import { type Deed, recorded } from '../audit.ts'
import type { Settings } from '../configuration/settings.ts'
import type { DeskSettings } from '../desk-settings.ts'
import { openKafka } from '../kafka.ts'
import { askNode } from '../node-client.ts'
import { whileItTakesLong } from '../progress.ts'

/** Registry and keys are for Kafka itself; a node has its own. */
export type DeskOptions = DeskSettings & Pick<Settings, 'trustedKeys'>

/** What is told of releases, whoever is asked. */
export type ListedReleases = Pick<
  ModelsStatus,
  'inForce' | 'shadow' | 'known' | 'refused' | 'signaturesRequired' | 'warnings'
>

export interface ListingDesk extends ReleaseDesk {
  list(): Promise<ListedReleases>
}

const id = z.object({ name: z.string(), version: z.string() })
const status = z.enum(['candidate', 'promoted', 'retired', 'shadow'])
const changed = id.extend({ status, reason: z.string().nullable() })
const known = z.looseObject({
  ...id.shape,
  status,
  trust: z.enum(['signed', 'shipped', 'unverified']),
  reason: z.string().nullable(),
  publishedAt: z.number(),
  metrics: z.record(z.string(), z.number()),
})
const listed = z.object({
  inForce: id.optional(),
  shadow: id.optional(),
  known: z.array(known),
  refused: z.array(id.extend({ code: z.string(), reason: z.string(), at: z.number() })),
  signaturesRequired: z.boolean(),
  warnings: z.array(z.string()),
}) satisfies z.ZodType<ListedReleases>
const switches = z.array(
  id.extend({ partition: z.number(), number: z.number(), offset: z.number(), at: z.number() }),
)

const score = z.object({ windows: z.number(), shadowRight: z.number(), servingRight: z.number() })
const comparison = id.extend({
  windows: z.number(),
  agreed: z.number(),
  disagreements: z.array(z.object({ serving: z.string(), shadow: z.string(), windows: z.number() })),
  annotated: score,
  randomArm: score,
})

/** @param model whose releases they are, such as `watch`; a node has its own */
export async function withDesk<A>(
  options: DeskOptions,
  model: string,
  use: (desk: ListingDesk) => Promise<A>,
): Promise<A> {
  const { brokers, state } = options
  if (brokers === undefined) return await use(deskOfNode(state))
  const stop = whileItTakesLong(() => 'looking at the releases on Kafka')
  return await withKafka(options, model, use).finally(stop)
}

/** Through the running node: its log may be in memory, where nobody else sees it. */
function deskOfNode(state: string): ListingDesk {
  const get = (path: string) => askNode(state, { method: 'GET', path })
  const post = async (path: string, body: object) =>
    changed.parse(await askNode(state, { method: 'POST', path, body: JSON.stringify(body) }))
  return {
    list: async () => listed.parse(await get('/api/models')),
    release: async id => {
      const answer = await get(`/api/models/release?${new URLSearchParams({ ...id })}`)
      return parseRelease(JSON.stringify(answer), 'the answer of the node')
    },
    comparison: async id => {
      const query = new URLSearchParams(id === undefined ? {} : { ...id })
      return comparison.parse(await get(`/api/models/comparison?${query}`))
    },
    switches: async () => switches.parse(await get('/api/models/switches')),
    publish: (release, { promote, reason }) => {
      const query = new URLSearchParams({ promote: String(promote), ...(reason !== undefined && { reason }) })
      return post(`/api/models?${query}`, releaseJson(release))
    },
    promote: (release, reason) => post('/api/models/promote', { ...release, reason }),
    shadow: (release, reason) => post('/api/models/shadow', { ...release, reason }),
    endShadow: reason => post('/api/models/shadow', { end: true, reason }),
    rollback: asked => post('/api/models/rollback', asked),
  }
}

async function withKafka<A>(
  { registry, trustedKeys, ...kafka }: DeskOptions,
  model: string,
  use: (desk: ListingDesk) => Promise<A>,
): Promise<A> {
  const { featureSchema } = await import('../../processors/features/schema.ts')
  const { releaseDesk } = await import('../../processors/models/release-desk.ts')
  const { ReleaseHistory } = await import('../../processors/models/release-history.ts')
  const { trustedSources } = await import('../../processors/models/trusted-sources.ts')
  const { applicationId } = await import('../../processors/topics.ts')
  const { avroSerdes, confluentRegistry, localRegistry } = await import('../../schemas/index.ts')
  const { systemTimers } = await import('../../topology/index.ts')
  const clientId = `tickerwatch-models-${randomUUID()}`
  const log = await openKafka(kafka, clientId)
  try {
    const avro = avroSerdes(registry === undefined ? localRegistry() : confluentRegistry(registry))
    const trusted = await trustedSources(trustedKeys)
    const following = { log, avro, name: model, trusted, clientId, timers: systemTimers }
    const logger = { info: () => {}, warn: () => {} }
    const history = new ReleaseHistory({ ...following, logger })
    const desk = releaseDesk({ ...following, schema: featureSchema, history, applicationId })
    // A registry of this process knows nothing yet; a real one is only asked until something is published.
    if (registry === undefined) await avro.register()
    history.start(() => {})
    try {
      return await use({
        ...desk,
        ...recordedChanges(desk, (deed, act) => recorded({ log, avro, clientId }, deed, act)),
        async list() {
          await history.caughtUp()
          const { known, promoted, shadow, refused } = history
          const [version] = promoted
          return {
            ...(version !== undefined && { inForce: { name: model, version } }),
            ...(shadow !== undefined && { shadow: { name: model, version: shadow } }),
            known,
            refused,
            signaturesRequired: trusted.keys.length > 0,
            warnings: ['As the topic has it; whether nodes could load the newest one promoted, they tell.'],
          }
        },
      })
    } finally {
      await history.close()
    }
  } finally {
    await log.close()
  }
}

/** A node does it by itself. */
function recordedChanges(
  desk: ReleaseDesk,
  record: (deed: Deed, act: () => Promise<ReleaseChange>) => Promise<ReleaseChange>,
): Pick<ReleaseDesk, 'publish' | 'promote' | 'shadow' | 'endShadow' | 'rollback'> {
  return {
    publish: (release, options) =>
      record({ action: 'publish', subject: releaseKey(release), reason: options.reason }, () =>
        desk.publish(release, options),
      ),
    promote: (id, reason) =>
      record({ action: 'promote', subject: releaseKey(id), reason }, () => desk.promote(id, reason)),
    shadow: (id, reason) =>
      record({ action: 'shadow', subject: releaseKey(id), reason }, () => desk.shadow(id, reason)),
    endShadow: reason => record({ action: 'shadow', subject: 'none', reason }, () => desk.endShadow(reason)),
    rollback: asked =>
      record({ action: 'rollback', subject: asked.version ?? 'the one before', reason: asked.reason }, () =>
        desk.rollback(asked),
      ),
  }
}
