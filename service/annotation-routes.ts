/** `/api/annotation`: windows for people, and what they say of them. Windows hold what was measured, so none of it is open. */
import { z } from 'zod'
import type { AnnotationDesk } from '../processors/annotation/annotation-desk.ts'
import { ApplicationError } from '../processors/errors.ts'
import { type Api, failure, time } from './api.ts'
import { annotationStatus } from './status-schema.ts'

/** As `AnnotationDesk`, which it is in a node. */
export type Annotations = Pick<AnnotationDesk, 'next' | 'answer' | 'skip' | 'undo' | 'status' | 'accuracy'>

const person = z.object({
  annotator: z.string().min(1).max(100).regex(/\S/, 'a name').describe('Who says so.'),
})
const about = person.extend({
  deviceId: z.string().min(1).max(1000),
  windowStart: z.number().int().min(0),
})
const answer = about.extend({
  verdict: z.enum(['labelled', 'cannotTell']),
  label: z.string().min(1).max(200).optional().describe('With the verdict labelled.'),
})
const count = z.number().int().min(0)
const shownWindow = z.object({
  deviceId: z.string(),
  windowStart: time,
  windowEnd: time,
  samples: count,
  margin: z.number(),
  modelName: z.string(),
  modelVersion: z.string(),
  arm: z.enum(['unsure', 'random']),
  sampleTimes: z.array(z.number()).describe('Milliseconds since windowStart.'),
  predicted: z.string(),
  probabilities: z.array(z.object({ label: z.string(), probability: z.number() })),
  signals: z.record(z.string(), z.array(z.number().nullable())).describe('In the order of sampleTimes.'),
})
const given = z.object({ window: shownWindow.nullable() })

export function annotationRoutes(server: Api, { annotations }: { readonly annotations: Annotations }): void {
  const config = { access: 'annotator' } as const

  server.get(
    '/api/annotation',
    {
      config,
      schema: {
        summary: 'What waits for people, what they said, and how accurate each release is by it',
        response: { 200: annotationStatus },
      },
    },
    async () => annotations.status(),
  )

  server.post(
    '/api/annotation/next',
    {
      config,
      schema: {
        summary: 'A window to be labelled, theirs for two minutes; null if none waits',
        body: person,
        response: { 200: given },
      },
    },
    async ({ body: { annotator } }) =>
      await answered(async () => ({ window: (await annotations.next(annotator)) ?? null })),
  )

  server.post(
    '/api/annotation/answer',
    {
      config,
      schema: {
        summary: 'Say what a window shows, or that one cannot tell',
        body: answer,
        response: { 200: annotationStatus, 404: failure, 422: failure },
      },
    },
    async ({ body: { annotator, verdict, label = '', ...key } }) =>
      await answered(async () => {
        await annotations.answer(annotator, key, verdict === 'labelled' ? { verdict, label } : { verdict })
        return annotations.status()
      }),
  )

  server.post(
    '/api/annotation/skip',
    {
      config,
      schema: {
        summary: 'Leave a window to others',
        body: about,
        response: { 200: annotationStatus, 404: failure },
      },
    },
    async ({ body: { annotator, ...key } }) =>
      await answered(async () => {
        await annotations.skip(annotator, key)
        return annotations.status()
      }),
  )

  server.post(
    '/api/annotation/undo',
    {
      config,
      schema: {
        summary: 'Take back what was said of a window, which is answered again',
        body: about,
        response: { 200: given, 404: failure },
      },
    },
    async ({ body: { annotator, ...key } }) =>
      await answered(async () => ({ window: await annotations.undo(annotator, key) })),
  )
}

const statuses: Readonly<Record<string, number>> = {
  ANNOTATION_WINDOW_UNKNOWN: 404,
  ANNOTATION_INVALID: 422,
  ANNOTATION_UNAVAILABLE: 503,
}

/** The status of an error goes with its code. */
async function answered<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof ApplicationError)) throw error
    throw Object.assign(error, { statusCode: statuses[error.code] ?? 500 })
  }
}
