/** `/api/replay`: what was predicted, predicted again; as recorded, or by another release. */
import type { FastifyInstance } from 'fastify'
import { ApplicationError } from '../processors/errors.ts'
import type { ReleaseId } from '../processors/models/release-desk.ts'
import type { ReplayReport } from '../processors/replay/replay-predictions.ts'
import { TickerError } from '../topology/index.ts'
import { requireToken } from './bearer-token.ts'

/** @throws ApplicationError REPLAY_…, MODEL_…; TickerError REPLAY_NOTHING_RECORDED, LOG_… */
export type Replay = (release: ReleaseId | undefined) => Promise<ReplayReport>

const text = { type: 'string', minLength: 1, maxLength: 100 } as const
const schema = {
  body: {
    type: 'object',
    properties: { name: text, version: text },
    dependencies: { name: ['version'], version: ['name'] },
    additionalProperties: false,
  },
}

export function replayRoutes(
  server: FastifyInstance,
  { replay, token }: { readonly replay: Replay; readonly token: string },
): void {
  server.post<{ Body: Partial<ReleaseId> }>(
    '/api/replay',
    { onRequest: requireToken(token), schema },
    async ({ body: { name, version } }, reply) => {
      try {
        return await replay(name === undefined || version === undefined ? undefined : { name, version })
      } catch (error) {
        const isTheirs =
          error instanceof ApplicationError ||
          (error instanceof TickerError && error.code === 'REPLAY_NOTHING_RECORDED')
        if (!isTheirs) throw error
        return reply.code(422).send({ code: error.code, message: error.message })
      }
    },
  )
}
