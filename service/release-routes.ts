/** `/api/models`: what is known of releases, and what is done with them. */
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import type { AuditAction } from '../processors/audit.ts'
import { ApplicationError } from '../processors/errors.ts'
import { FILE_LIMIT, parseRelease, releaseJson } from '../processors/models/release.ts'
import type { ReleaseChange, ReleaseDesk } from '../processors/models/release-desk.ts'
import { type Api, failure, time, yesOrNo } from './api.ts'
import type { StatusSource } from './status.ts'
import { modelsStatus, releaseStatus } from './status-schema.ts'

export interface ReleaseRoutesOptions {
  readonly source: StatusSource
  readonly desk: ReleaseDesk
}

const reason = z.string().trim().min(1).max(500).describe('Why, for those who come later.')
const text = z.string().max(100)
const id = z.object({ name: text, version: text })
const promotion = z.strictObject({ ...id.shape, reason })
const shadowing = z.union([
  z.strictObject({ ...id.shape, reason: reason.optional() }),
  z.strictObject({ end: z.literal(true), reason: reason.optional() }),
])
const goingBack = z.strictObject({ version: text.optional(), reason })

const file = z.record(z.string(), z.unknown()).describe('A release file, as training writes it.')
const count = z.number().int().min(0)
const change = z.object({
  name: z.string(),
  version: z.string(),
  status: releaseStatus,
  reason: z.string().nullable(),
})
const score = z.object({ windows: count, shadowRight: count, servingRight: count })
const comparison = z.object({
  name: z.string(),
  version: z.string(),
  windows: count.describe('Scored by both.'),
  agreed: count,
  disagreements: z.array(z.object({ serving: z.string(), shadow: z.string(), windows: count })),
  annotated: score.describe('On all windows that people labelled.'),
  randomArm: score.describe('On those drawn at random: without bias.'),
})
const modelSwitch = z.object({
  partition: count,
  number: count,
  name: z.string(),
  version: z.string(),
  offset: count.describe('Of the first reading that may be scored with it.'),
  at: time,
})

export function releaseRoutes(server: Api, { source, desk }: ReleaseRoutesOptions): void {
  reading(server, { source, desk })
  changing(server, desk)
}

function reading(server: Api, { source, desk }: ReleaseRoutesOptions): void {
  server.get(
    '/api/models',
    {
      config: { access: 'open' },
      schema: {
        summary: 'Releases: in force, in shadow, known, refused; what became of them, and why',
        response: { 200: modelsStatus },
      },
    },
    async () => source.status().models,
  )
  server.get(
    '/api/models/release',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'A release that was published, as its file: with the model in base64, or its location',
        querystring: id,
        response: { 200: file, 422: failure },
      },
    },
    async ({ query }, reply) =>
      await answered(reply, 200, async () => releaseJson(await desk.release(query))),
  )
  server.get(
    '/api/models/switches',
    {
      config: { access: 'open' },
      schema: {
        summary: 'Which partition was scored by which release, from which reading on',
        response: { 200: z.array(modelSwitch) },
      },
    },
    async () => await desk.switches(),
  )
  server.get(
    '/api/models/comparison',
    {
      config: { access: 'open' },
      schema: {
        summary: 'The release in shadow, or one that was, beside the one that served',
        querystring: id.partial(),
        response: { 200: comparison, 422: failure },
      },
    },
    async ({ query: { name, version } }, reply) => {
      const asked = name === undefined || version === undefined ? undefined : { name, version }
      return await answered(reply, 200, () => desk.comparison(asked))
    },
  )
}

function changing(server: Api, desk: ReleaseDesk): void {
  server.post(
    '/api/models',
    {
      config: { access: 'operator', audit: 'publish' },
      bodyLimit: FILE_LIMIT,
      schema: {
        summary: 'Publish a release file, of at most 5 MiB',
        querystring: z.object({
          promote: yesOrNo.describe('Put it into force.'),
          reason: reason.optional(),
        }),
        body: file,
        response: { 201: change, 422: failure },
      },
    },
    async ({ body, query: { promote, reason } }, reply) =>
      await answered(
        reply,
        201,
        async () =>
          await desk.publish(parseRelease(JSON.stringify(body), 'the request'), {
            promote: promote === 'true',
            reason,
          }),
      ),
  )

  /** What cannot be done answers 422, with nothing changed. */
  const route = <Asked extends z.ZodType>(
    audit: AuditAction,
    summary: string,
    body: Asked,
    act: (asked: z.output<Asked>) => Promise<ReleaseChange>,
  ): void => {
    server.post(
      `/api/models/${audit}`,
      {
        config: { access: 'operator', audit },
        schema: { summary, body, response: { 201: change, 422: failure } },
      },
      async (request, reply) => await answered(reply, 201, () => act(body.parse(request.body))),
    )
  }
  route('promote', 'Put a known release into force', promotion, ({ reason, ...release }) =>
    desk.promote(release, reason),
  )
  route('shadow', 'Let a release score beside the one in force, or none', shadowing, asked =>
    'end' in asked ? desk.endShadow(asked.reason) : desk.shadow(asked, asked.reason),
  )
  route(
    'rollback',
    'Go back to the release promoted before, or to a version; the newest is retired',
    goingBack,
    asked => desk.rollback(asked),
  )
}

async function answered(
  reply: FastifyReply,
  status: number,
  work: () => Promise<object>,
): Promise<FastifyReply> {
  try {
    return reply.code(status).send(await work())
  } catch (error) {
    // What is wrong with the log is told by the server.
    if (!(error instanceof ApplicationError)) throw error
    return reply.code(422).send({ code: error.code, message: error.message })
  }
}
