/** What commands do on the log itself, with no node between, recorded as nodes record what they are asked to do. */
import { hostname, userInfo } from 'node:os'
import { type AuditAction, audited, auditTrail } from '../processors/audit.ts'
import { auditTopic } from '../processors/topics.ts'
import type { AvroSerdes } from '../schemas/index.ts'
import type { Log } from '../topology/index.ts'

export interface Deed {
  readonly action: AuditAction
  readonly subject: string
  readonly reason?: string | undefined
}

/** Does it as whoever is logged in here. What cannot be recorded is said. */
export async function recorded<Done>(
  { log, avro, clientId }: { readonly log: Log; readonly avro: AvroSerdes; readonly clientId: string },
  { action, subject, reason }: Deed,
  act: () => Promise<Done>,
): Promise<Done> {
  // The application may never have run here.
  await log.admin.createTopics([auditTopic])
  const trail = auditTrail({ log, avro, clientId: `${clientId}-audit`, now: Date.now })
  const whose = { role: 'operator', who: `${userInfo().username}@${hostname()}`, address: null }
  return await audited(trail, { ...whose, action, subject, reason: reason ?? null }, act, error =>
    console.error(
      `note: this is missing in the audit trail: ${error instanceof Error ? error.message : error}`,
    ),
  )
}
