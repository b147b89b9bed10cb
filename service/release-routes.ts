/** `/api/models`: what is known of releases, and publishing one. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { ApplicationError } from '../processors/errors.ts'
import { TickerError } from '../topology/index.ts'
import type { StatusSource } from './status.ts'

/** Of a release file: models up to 1 MB, in base64. */
const maximumBytes = 2 * 1024 * 1024

/**
 * Publishes a release file's content, after verifying it.
 * @throws ApplicationError when the release is not acceptable; anything else means that it could not be published
 */
export type PublishRelease = (
  release: unknown,
  options: { readonly promote: boolean },
) => Promise<{ readonly name: string; readonly version: string; readonly status: string }>

export interface ReleaseRoutesOptions {
  readonly source: StatusSource
  readonly publish: PublishRelease
  readonly token: string
}

export function releaseRoutes(
  server: FastifyInstance,
  { source, publish, token }: ReleaseRoutesOptions,
): void {
  server.get('/api/models', async () => source.status().models)

  server.post<{ Querystring: { promote?: string } }>(
    '/api/models',
    {
      bodyLimit: maximumBytes,
      // Before the body is read: a stranger cannot even make us parse.
      onRequest: async (request, reply) => {
        if (bears(request.headers.authorization, token)) return
        reply.code(401).header('www-authenticate', 'Bearer')
        return reply.send({ code: 'UNAUTHORIZED', message: 'publishing needs the bearer token of this node' })
      },
    },
    async (request, reply) => {
      try {
        const published = await publish(request.body, { promote: request.query.promote === 'true' })
        return reply.code(201).send(published)
      } catch (error) {
        if (error instanceof ApplicationError)
          return reply.code(422).send({ code: error.code, message: error.message })
        if (error instanceof TickerError)
          return reply.code(503).send({ code: error.code, message: error.message })
        throw error
      }
    },
  )
}

/** Compares hashes, so that neither time nor length tells how much of a guess was right. */
function bears(authorization: string | undefined, token: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(authorization ?? ''), hash(`Bearer ${token}`))
}
