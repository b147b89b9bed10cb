/** `/api/dead-letters`: records that were given up. They hold what was measured, so none of it is open. */
import { z } from 'zod'
import type { DeadLetterDesk } from '../processors/dead-letter-desk.ts'
import { type Api, failure, time, wholeText } from './api.ts'

const text = z.string().max(249)
const whole = z.number().int().min(0)
const filter = {
  topic: text.optional().describe('Where the record came from.'),
  code: text.optional().describe('Why it was given up.'),
}
const listed = z.object({
  id: whole,
  time,
  code: z.string(),
  message: z.string(),
  stage: z.string(),
  operator: z.string(),
  topic: z.string(),
  partition: z.number().int().describe('-1: unknown.'),
  offset: z.number().int(),
  replayedAt: time.optional(),
})
const shown = listed.extend({
  timestamp: time,
  application: z.string(),
  task: z.string(),
  exception: z.string(),
  stacktrace: z.string(),
  key: z.string().nullable().describe('In base64.'),
  value: z.string().nullable().describe('In base64.'),
  headers: z.array(z.tuple([z.string(), z.string()])),
  decoded: z.unknown().optional().describe('The value, where its schema is known.'),
})

export function deadLetterRoutes(server: Api, { desk }: { readonly desk: DeadLetterDesk }): void {
  server.get(
    '/api/dead-letters',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'Dead letters: counts by topic and reason, and the newest',
        querystring: z.object({
          ...filter,
          since: wholeText.optional().describe('Given up since then, milliseconds since the epoch.'),
          limit: wholeText.max(1000).default(20),
        }),
        response: {
          200: z.object({
            counts: z.array(
              z.object({ topic: z.string(), code: z.string(), letters: whole, replayed: whole }),
            ),
            letters: z.array(listed),
          }),
        },
      },
    },
    async ({ query: { limit, ...meant } }) => await desk.list(meant, limit),
  )

  server.get(
    '/api/dead-letters/:id',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'A dead letter, with what it holds',
        params: z.object({ id: wholeText }),
        response: { 200: shown, 404: failure },
      },
    },
    async ({ params: { id } }, reply) =>
      (await desk.show(id)) ??
      reply.code(404).send({ code: 'LETTER_UNKNOWN', message: `there is no dead letter ${id}` }),
  )

  server.post(
    '/api/dead-letters/replay',
    {
      config: { access: 'operator', audit: 'dead-letter-replay' },
      schema: {
        summary: 'Put records back into their topics, each at most once',
        body: z.object({
          ...filter,
          since: whole.optional(),
          ids: z.array(whole).max(1000).optional(),
          dryRun: z.boolean().describe('Say how many it would be, and write nothing.'),
        }),
        response: {
          200: z.object({
            replayed: whole,
            replayedBefore: whole,
            refused: z.array(z.object({ reason: z.string(), letters: whole })),
          }),
        },
      },
    },
    async ({ body: { dryRun, ...meant } }) => await desk.replay(meant, { dryRun }),
  )
}
