/** `/api/dead-letters`: records that were given up. All of it needs the token, since they hold what was measured. */
import type { FastifyInstance } from 'fastify'
import type { DeadLetterDesk } from '../processors/dead-letter-desk.ts'
import { requireToken } from './bearer-token.ts'

const text = { type: 'string', maxLength: 249 } as const
const whole = { type: 'integer', minimum: 0 } as const
const filter = { topic: text, code: text, since: whole } as const

interface Filter {
  readonly topic?: string
  readonly code?: string
  readonly since?: number
}

export function deadLetterRoutes(
  server: FastifyInstance,
  { desk, token }: { readonly desk: DeadLetterDesk; readonly token: string },
): void {
  const onRequest = requireToken(token)

  server.get<{ Querystring: Filter & { limit: number } }>(
    '/api/dead-letters',
    {
      onRequest,
      schema: {
        querystring: {
          type: 'object',
          properties: { ...filter, limit: { ...whole, maximum: 1000, default: 20 } },
        },
      },
    },
    async ({ query: { limit, ...meant } }) => await desk.list(meant, limit),
  )

  server.get<{ Params: { id: number } }>(
    '/api/dead-letters/:id',
    { onRequest, schema: { params: { type: 'object', properties: { id: whole } } } },
    async ({ params: { id } }, reply) =>
      (await desk.show(id)) ??
      reply.code(404).send({ code: 'LETTER_UNKNOWN', message: `there is no dead letter ${id}` }),
  )

  server.post<{ Body: Filter & { ids?: number[]; dryRun: boolean } }>(
    '/api/dead-letters/replay',
    {
      onRequest,
      schema: {
        body: {
          type: 'object',
          required: ['dryRun'],
          properties: {
            ...filter,
            ids: { type: 'array', items: whole, maxItems: 1000 },
            dryRun: { type: 'boolean' },
          },
        },
      },
    },
    async ({ body: { dryRun, ...meant } }) => await desk.replay(meant, { dryRun }),
  )
}
