/** Who did what, on a topic of its own: written by whoever lets it be done, never changed, never dropped. */
import { AuditEvent, type AvroSerdes } from '../schemas/index.ts'
import type { Log } from '../topology/index.ts'
import { topicValues } from './topic-values.ts'
import { topics } from './topics.ts'

export type AuditAction =
  | 'publish'
  | 'promote'
  | 'shadow'
  | 'rollback'
  | 'replay'
  | 'dead-letter-replay'
  | 'reset'
  | 'roles'

export interface AuditEntry extends Omit<AuditEvent, 'at'> {
  readonly action: AuditAction
}

/** Both throw TickerError LOG_…, SchemaError REGISTRY_… */
export interface AuditTrail {
  record(entry: AuditEntry): Promise<void>
  /** The newest first. */
  newest(limit: number): Promise<readonly AuditEvent[]>
}

export interface AuditTrailOptions {
  readonly log: Log
  readonly avro: AvroSerdes
  readonly clientId: string
  readonly now: () => number
}

/** The topic exists. */
export function auditTrail({ log, avro, clientId, now }: AuditTrailOptions): AuditTrail {
  const value = avro.value(topics.audit, AuditEvent)
  return {
    async record(entry) {
      await avro.register()
      const event: AuditEvent = { ...entry, at: now() }
      const producer = await log.producer({ clientId })
      try {
        await producer.init()
        await producer.send([
          {
            topic: topics.audit,
            partition: 0,
            key: Buffer.from(event.who),
            value: value.serialize(event),
            timestamp: event.at,
          },
        ])
      } finally {
        await producer.close()
      }
    },
    async newest(limit) {
      // A registry of this process knows only what was registered in it.
      await avro.register()
      const found: AuditEvent[] = []
      const place = { log, topic: topics.audit, partition: 0, value, clientId, last: limit }
      for await (const event of topicValues(place)) found.push(event)
      return found.reverse()
    },
  }
}

/** Does it, and records that, or why not. The record is awaited; that there can be none is for `onLost`. */
export async function audited<Done>(
  trail: AuditTrail,
  entry: Omit<AuditEntry, 'outcome' | 'code'>,
  act: () => Promise<Done>,
  onLost: (error: unknown, entry: AuditEntry) => void,
): Promise<Done> {
  const record = async (end: Pick<AuditEntry, 'outcome' | 'code'>): Promise<void> => {
    const whole = { ...entry, ...end }
    await trail.record(whole).catch(error => onLost(error, whole))
  }
  try {
    const done = await act()
    await record({ outcome: 'done', code: null })
    return done
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'INTERNAL'
    await record({ outcome: 'failed', code })
    throw error
  }
}
