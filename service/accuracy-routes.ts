/** `/api/accuracy`: how right releases were on the windows that people labelled. Numbers only, nothing that was measured. */
import { z } from 'zod'
import type { AnnotationDesk } from '../processors/annotation/annotation-desk.ts'
import { type Api, time } from './api.ts'

const text = z.string().max(100)
const question = z
  .strictObject({
    name: text.optional().describe('With a version: only what this release scored.'),
    version: text.optional(),
    by: z.enum(['hour', 'day']).default('hour').describe('The periods of event time.'),
  })
  .refine(({ name, version }) => (name === undefined) === (version === undefined), {
    message: 'name and version go together',
  })

const count = z.number().int().min(0)
const share = z.number().nullable()
const windows = { windows: count, right: count }
const arm = z.object({
  ...windows,
  interval: z.object({ low: z.number(), high: z.number() }).nullable().describe('With 95 % confidence.'),
  macroF1: share,
  classes: z.array(
    z.object({
      label: z.string(),
      support: count,
      predicted: count,
      right: count,
      precision: share,
      recall: share,
      f1: share,
    }),
  ),
  confusion: z.array(z.object({ label: z.string(), predicted: z.string(), windows: count })),
  calibration: z.object({
    windows: count,
    error: share,
    bins: z.array(z.object({ from: z.number(), to: z.number(), ...windows, confidence: share })),
  }),
  overTime: z.array(z.object({ start: time, ...windows })),
})
const report = z.object({
  releases: z.array(z.object({ name: z.string(), version: z.string(), randomArm: count, queried: count })),
  randomArm: arm.describe('Drawn at random: without bias.'),
  queried: arm.describe('Asked about because the release was unsure: the difficult ones.'),
})

export function accuracyRoutes(
  server: Api,
  { annotations }: { readonly annotations: Pick<AnnotationDesk, 'accuracy'> },
): void {
  server.get(
    '/api/accuracy',
    {
      config: { access: 'open' },
      schema: {
        summary: 'How right releases were on windows that people labelled',
        querystring: question,
        response: { 200: report },
      },
    },
    async ({ query: { name, version, by } }) => {
      const release = name === undefined || version === undefined ? undefined : { name, version }
      return annotations.accuracy({ release, by })
    },
  )
}
