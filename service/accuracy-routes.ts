/** `/api/accuracy`: how right releases were on the windows that people labelled. Numbers only, nothing that was measured. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { AnnotationDesk } from '../processors/annotation/annotation-desk.ts'

const question = z
  .strictObject({
    name: z.string().max(100).optional(),
    version: z.string().max(100).optional(),
    by: z.enum(['hour', 'day']).default('hour'),
  })
  .refine(({ name, version }) => (name === undefined) === (version === undefined), {
    message: 'name and version go together',
  })

export function accuracyRoutes(
  server: FastifyInstance,
  { annotations }: { readonly annotations: Pick<AnnotationDesk, 'accuracy'> },
): void {
  server.get('/api/accuracy', async (request, reply) => {
    const { data, error } = question.safeParse(request.query)
    if (error !== undefined) {
      const [first] = error.issues
      const message = `${first?.path.join('.') || 'the request'}: ${first?.message}`
      return reply.code(400).send({ code: 'BAD_REQUEST', message })
    }
    const { name, version, by } = data
    const release = name === undefined || version === undefined ? undefined : { name, version }
    return annotations.accuracy({ release, by })
  })
}
