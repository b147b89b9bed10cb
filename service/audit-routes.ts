/** What operators do is recorded as it is answered, and `/api/audit` tells it. */
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { AuditAction, AuditEntry, AuditTrail } from '../processors/audit.ts'
import { type Api, time, wholeText } from './api.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** As what it is recorded that the route was called. */
    readonly audit?: AuditAction
  }
}

/** Characters of what was asked that are kept. */
const SUBJECT = 500

const release = z.looseObject({ name: z.string(), version: z.string() })
const reasoned = z.looseObject({ reason: z.string() })
const refused = z.looseObject({ code: z.string() })
const rehearsal = z.looseObject({ dryRun: z.literal(true) })

const event = z.object({
  at: time,
  action: z.string(),
  subject: z.string().describe('A release as name@version, an application, or what was asked for as JSON.'),
  role: z.string(),
  who: z.string().describe('The name of a token, or the first digits of its SHA-256; or user@host.'),
  address: z.string().nullable(),
  outcome: z.enum(['done', 'refused', 'failed']),
  reason: z.string().nullable(),
  code: z.string().nullable().describe('Of the error.'),
})

/** To be called before the routes are added that are recorded. */
export function auditRoutes(
  server: Api,
  { trail, logger }: { readonly trail: AuditTrail; readonly logger: Pick<FastifyBaseLogger, 'error'> },
): void {
  // Before the answer goes out: whoever has it finds it in the trail. Strangers could fill that, so they are left out.
  server.addHook('onSend', async (request, { statusCode }, answer) => {
    const { audit: action } = request.routeOptions.config
    if (action === undefined || request.caller === null || rehearsal.safeParse(request.body).success) return
    const entry = entryOf(action, { request, statusCode, answer })
    await trail
      .record(entry)
      .catch(error => logger.error({ err: error, entry }, 'this is missing in the audit trail'))
  })

  server.get(
    '/api/audit',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Who did what: releases, replays, resets, roles; the newest first',
        querystring: z.object({ limit: wholeText.min(1).max(1000).default(100) }),
        response: { 200: z.object({ events: z.array(event) }) },
      },
    },
    async ({ query: { limit } }) => ({ events: await trail.newest(limit) }),
  )
}

function entryOf(
  action: AuditAction,
  { request, statusCode, answer }: { request: FastifyRequest; statusCode: number; answer: unknown },
): AuditEntry {
  const { body, query, ip, caller } = request
  const answered: unknown = typeof answer === 'string' ? JSON.parse(answer) : undefined
  const found = [answered, body].map(each => release.safeParse(each).data).find(each => each !== undefined)
  const why = [body, query]
    .map(each => reasoned.safeParse(each).data?.reason)
    .find(each => each !== undefined)
  return {
    action,
    subject:
      found === undefined ? JSON.stringify(body ?? {}).slice(0, SUBJECT) : `${found.name}@${found.version}`,
    role: caller?.role ?? '',
    who: caller?.name ?? '',
    address: ip,
    outcome: statusCode < 400 ? 'done' : statusCode < 500 ? 'refused' : 'failed',
    reason: why?.slice(0, SUBJECT) ?? null,
    code: statusCode < 400 ? null : (refused.safeParse(answered).data?.code ?? 'INTERNAL'),
  }
}
