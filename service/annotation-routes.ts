/**
 * `/api/annotation`: windows for people, and what they say of them. All of it needs the token, since windows hold what was
 * measured.
 */
import type { FastifyInstance } from 'fastify'
import type { AnnotationDesk } from '../processors/annotation/annotation-desk.ts'
import { ApplicationError } from '../processors/errors.ts'
import { requireToken } from './bearer-token.ts'

/** As `AnnotationDesk`, which it is in a node. */
export type Annotations = Pick<AnnotationDesk, 'next' | 'answer' | 'skip' | 'undo' | 'status' | 'accuracy'>

const annotator = { type: 'string', minLength: 1, maxLength: 100, pattern: '\\S' } as const
const window = {
  deviceId: { type: 'string', minLength: 1, maxLength: 1000 },
  windowStart: { type: 'integer', minimum: 0 },
} as const

interface Person {
  readonly annotator: string
}

interface About extends Person {
  readonly deviceId: string
  readonly windowStart: number
}

export function annotationRoutes(
  server: FastifyInstance,
  { annotations, token }: { readonly annotations: Annotations; readonly token: string },
): void {
  const onRequest = requireToken(token)
  const body = (properties: object, required: readonly string[]) => ({
    onRequest,
    schema: { body: { type: 'object', properties, required } },
  })
  const about = body({ annotator, ...window }, ['annotator', 'deviceId', 'windowStart'])

  server.get('/api/annotation', { onRequest }, async () => annotations.status())

  server.post<{ Body: Person }>(
    '/api/annotation/next',
    body({ annotator }, ['annotator']),
    async ({ body: { annotator } }) =>
      await answered(async () => ({ window: (await annotations.next(annotator)) ?? null })),
  )

  server.post<{ Body: About & { verdict: 'labelled' | 'cannotTell'; label?: string } }>(
    '/api/annotation/answer',
    body(
      {
        annotator,
        ...window,
        verdict: { type: 'string', enum: ['labelled', 'cannotTell'] },
        label: { type: 'string', minLength: 1, maxLength: 200 },
      },
      ['annotator', 'deviceId', 'windowStart', 'verdict'],
    ),
    async ({ body: { annotator, verdict, label = '', ...key } }) =>
      await answered(async () => {
        await annotations.answer(annotator, key, verdict === 'labelled' ? { verdict, label } : { verdict })
        return annotations.status()
      }),
  )

  server.post<{ Body: About }>(
    '/api/annotation/skip',
    about,
    async ({ body: { annotator, ...key } }) =>
      await answered(async () => {
        await annotations.skip(annotator, key)
        return annotations.status()
      }),
  )

  server.post<{ Body: About }>(
    '/api/annotation/undo',
    about,
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
