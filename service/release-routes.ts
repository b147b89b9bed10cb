/** `/api/models`: what is known of releases, and what is done with them. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { ApplicationError } from '../processors/errors.ts'
import { FILE_LIMIT, parseRelease, releaseJson } from '../processors/models/release.ts'
import type { ReleaseChange, ReleaseDesk } from '../processors/models/release-desk.ts'
import { requireToken } from './bearer-token.ts'
import type { StatusSource } from './status.ts'

export interface ReleaseRoutesOptions {
  readonly source: StatusSource
  readonly desk: ReleaseDesk
  readonly token: string
}

const reason = z.string().trim().min(1).max(500)
const id = { name: z.string().max(100), version: z.string().max(100) }
const publishing = z.object({
  promote: z.enum(['true', 'false']).default('false'),
  reason: reason.optional(),
})
const wanted = z.object(id)
const compared = z.object({ name: id.name.optional(), version: id.version.optional() })
const promotion = z.strictObject({ ...id, reason })
const shadowing = z.union([
  z.strictObject({ ...id, reason: reason.optional() }),
  z.strictObject({ end: z.literal(true), reason: reason.optional() }),
])
const goingBack = z.strictObject({ version: id.version.optional(), reason })

export function releaseRoutes(server: FastifyInstance, { source, desk, token }: ReleaseRoutesOptions): void {
  const guarded = { onRequest: requireToken(token) }
  /** What is asked for is looked at first; what cannot be done answers 422, with nothing changed. */
  const route = <A>(
    path: string,
    asked: z.ZodType<A>,
    change: (asked: A) => Promise<ReleaseChange>,
  ): void => {
    server.post(path, guarded, async (request, reply) => {
      const { data, error } = asked.safeParse(request.body)
      if (error !== undefined) return reply.code(400).send(badRequest(error))
      return await answered(reply, 201, () => change(data))
    })
  }

  server.get('/api/models', async () => source.status().models)
  server.get('/api/models/release', guarded, async (request, reply) => {
    const { data, error } = wanted.safeParse(request.query)
    if (error !== undefined) return reply.code(400).send(badRequest(error))
    return await answered(reply, 200, async () => releaseJson(await desk.release(data)))
  })
  server.get('/api/models/switches', async () => await desk.switches())
  server.get('/api/models/comparison', async (request, reply) => {
    const { data, error } = compared.safeParse(request.query)
    if (error !== undefined) return reply.code(400).send(badRequest(error))
    const { name, version } = data
    const asked = name === undefined || version === undefined ? undefined : { name, version }
    return await answered(reply, 200, () => desk.comparison(asked))
  })
  server.post('/api/models', { ...guarded, bodyLimit: FILE_LIMIT }, async (request, reply) => {
    const { data, error } = publishing.safeParse(request.query)
    if (error !== undefined) return reply.code(400).send(badRequest(error))
    const { promote, reason } = data
    return await answered(
      reply,
      201,
      async () =>
        await desk.publish(parseRelease(JSON.stringify(request.body), 'the request'), {
          promote: promote === 'true',
          reason,
        }),
    )
  })
  route('/api/models/promote', promotion, ({ reason, ...release }) => desk.promote(release, reason))
  route('/api/models/shadow', shadowing, asked =>
    'end' in asked ? desk.endShadow(asked.reason) : desk.shadow(asked, asked.reason),
  )
  route('/api/models/rollback', goingBack, asked => desk.rollback(asked))
}

interface Reply {
  code(status: number): Reply
  send(body: object): Reply
}

async function answered(reply: Reply, status: number, work: () => Promise<object>): Promise<Reply> {
  try {
    return reply.code(status).send(await work())
  } catch (error) {
    // What is wrong with the log is told by the server.
    if (!(error instanceof ApplicationError)) throw error
    return reply.code(422).send({ code: error.code, message: error.message })
  }
}

function badRequest({ issues: [first] }: z.ZodError): object {
  return { code: 'BAD_REQUEST', message: `${first?.path.join('.') || 'the request'}: ${first?.message}` }
}
