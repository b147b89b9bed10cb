/** `/api/models`: what is known of releases, and publishing one. */
import type { FastifyInstance } from 'fastify'
import { ApplicationError } from '../processors/errors.ts'
import { TickerError } from '../topology/index.ts'
import { requireToken } from './bearer-token.ts'
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
    { bodyLimit: maximumBytes, onRequest: requireToken(token) },
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
