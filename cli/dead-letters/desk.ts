/** Where dead letters are looked at: in the running node, through its routes, or on Kafka, by this process itself. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { DeadLetterDesk } from '../../processors/dead-letter-desk.ts'
import type { LetterFilter } from '../../topology/index.ts'
import { recorded } from '../audit.ts'
import type { DeskSettings } from '../desk-settings.ts'
import { openKafka } from '../kafka.ts'
import { askNode } from '../node-client.ts'
import { whileItTakesLong } from '../progress.ts'

export interface DeskOptions extends DeskSettings {
  readonly applicationId?: string
}

const listed = z.object({
  id: z.number(),
  time: z.number(),
  code: z.string(),
  message: z.string(),
  stage: z.string(),
  operator: z.string(),
  topic: z.string(),
  partition: z.number(),
  offset: z.number(),
  replayedAt: z.number().optional(),
})
const list = z.object({
  counts: z.array(
    z.object({ topic: z.string(), code: z.string(), letters: z.number(), replayed: z.number() }),
  ),
  letters: z.array(listed),
})
const shown = listed.extend({
  timestamp: z.number(),
  application: z.string(),
  task: z.string().optional(),
  exception: z.string(),
  stacktrace: z.string(),
  key: z.string().nullable(),
  value: z.string().nullable(),
  headers: z.array(z.tuple([z.string(), z.string()])),
  decoded: z.unknown().optional(),
})
const replayed = z.object({
  replayed: z.number(),
  replayedBefore: z.number(),
  refused: z.array(z.object({ reason: z.string(), letters: z.number() })),
})

export async function withDesk<A>(
  options: DeskOptions,
  use: (desk: DeadLetterDesk) => Promise<A>,
): Promise<A> {
  const { brokers } = options
  if (brokers === undefined) return await use(deskOfNode(options.state))
  const stop = whileItTakesLong(() => 'looking at the dead letters on Kafka')
  return await withKafka(options, use).finally(stop)
}

/** Through the running node: its log may be in memory, where nobody else sees it. */
function deskOfNode(state: string): DeadLetterDesk {
  return {
    async list({ topic, code, since }: LetterFilter, limit) {
      const query = new URLSearchParams({ limit: String(limit) })
      for (const [name, value] of Object.entries({ topic, code, since })) {
        if (value !== undefined) query.set(name, String(value))
      }
      return list.parse(await askNode(state, { method: 'GET', path: `/api/dead-letters?${query}` }))
    },
    async show(id) {
      return shown.parse(await askNode(state, { method: 'GET', path: `/api/dead-letters/${id}` }))
    },
    async replay(filter, { dryRun }) {
      const body = JSON.stringify({ ...filter, dryRun })
      return replayed.parse(await askNode(state, { method: 'POST', path: '/api/dead-letters/replay', body }))
    },
  }
}

async function withKafka<A>(
  { applicationId, registry, ...kafka }: DeskOptions,
  use: (desk: DeadLetterDesk) => Promise<A>,
): Promise<A> {
  const { deadLetterDesk, valueDecoder } = await import('../../processors/dead-letter-desk.ts')
  const { applicationId: activity } = await import('../../processors/topics.ts')
  const { avroSerdes, confluentRegistry, localRegistry } = await import('../../schemas/index.ts')
  const clientId = `tickerwatch-dead-letters-${randomUUID()}`
  const log = await openKafka(kafka, clientId)
  try {
    const avro = avroSerdes(registry === undefined ? localRegistry() : confluentRegistry(registry))
    const decode = valueDecoder(avro)
    // A registry of this process knows nothing yet; a real one is only asked, not written to.
    if (registry === undefined) await avro.register()
    const whose = applicationId ?? activity
    const desk = deadLetterDesk({ log, applicationId: whose, clientId, decode, now: Date.now })
    return await use({
      ...desk,
      async replay(filter, options) {
        if (options.dryRun) return await desk.replay(filter, options)
        const subject = `${whose} ${JSON.stringify(filter)}`
        const deed = { action: 'dead-letter-replay', subject } as const
        return await recorded({ log, avro, clientId }, deed, () => desk.replay(filter, options))
      },
    })
  } finally {
    await log.close()
  }
}
