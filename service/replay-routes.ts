/** `/api/replay`: what was predicted, predicted again; as recorded, or by another release. */
import { z } from 'zod'
import { ApplicationError } from '../processors/errors.ts'
import type { ReleaseId } from '../processors/models/release-desk.ts'
import type { ReplayReport } from '../processors/replay/replay-predictions.ts'
import { TickerError } from '../topology/index.ts'
import { type Api, failure } from './api.ts'

/** @throws ApplicationError REPLAY_…, MODEL_…; TickerError REPLAY_NOTHING_RECORDED, LOG_… */
export type Replay = (release: ReleaseId | undefined) => Promise<ReplayReport>

const text = z.string().min(1).max(100)
const asked = z
  .object({ name: text.optional(), version: text.optional() })
  .refine(
    ({ name, version }) => (name === undefined) === (version === undefined),
    'name and version go together',
  )
  .describe('A release; none: as recorded.')
const count = z.number().int().min(0)
const report = z.object({
  release: z
    .string()
    .optional()
    .describe('name@version of a backtest; absent where what was recorded was followed.'),
  readings: count,
  predictions: count.describe('Of the replay.'),
  byVersion: z.record(z.string(), count),
  identical: count.describe('In every field, bit by bit.'),
  different: count,
  missing: count.describe('Recorded, but not replayed.'),
  added: count.describe('Replayed, but not recorded.'),
  agreement: z.number().nullable().describe('Share of windows that both label alike; null without windows.'),
  labelChanges: z.array(z.object({ recorded: z.string(), replayed: z.string(), windows: count })),
  routeChanges: count.describe('Windows that a person is asked about in one run only.'),
  confidenceChange: z.number(),
  incomplete: z
    .array(z.object({ partition: count, from: count, recordedFrom: count }))
    .describe('Partitions whose first readings are gone from the log.'),
})

export function replayRoutes(server: Api, { replay }: { readonly replay: Replay }): void {
  server.post(
    '/api/replay',
    {
      config: { access: 'operator', audit: 'replay' },
      schema: {
        summary: 'Predict again what is on the log, beside what runs: as recorded, or by another release',
        description: 'Answers when it is done; 422 while another one is under way.',
        body: asked,
        response: { 200: report, 422: failure },
      },
    },
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
