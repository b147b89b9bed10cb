/** `/api/spark`: the jobs that run on clusters, their scripts, and what ran of them. */
import { z } from 'zod'
import { catalogue, sourceOf } from '../spark-jobs/submit/catalogue.ts'
import type { Observer } from '../spark-jobs/submit/observer.ts'
import { type Api, failure, time } from './api.ts'
import { awsId, notConfigured, refusal, unconfigured } from './aws-answer.ts'

/** What ran, or is to run, on a cluster. */
export const step = z.object({
  id: z.string(),
  cluster: z.string(),
  name: z.string(),
  job: z.string().nullable().describe('Of these here, by its script.'),
  state: z.string().describe('In EMR’s words, such as COMPLETED.'),
  createdAt: time.nullable(),
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  reason: z.string().nullable().describe('Why it failed.'),
  words: z.array(z.string()).describe('What the script was given.'),
})
const job = z.object({
  name: z.string(),
  summary: z.string(),
  script: z.string(),
  description: z.string(),
  tables: z.array(z.string()).describe('What of its output is a table in Glue.'),
  parameters: z.array(
    z.object({
      option: z.string(),
      help: z.string().nullable(),
      needed: z.boolean(),
      isSwitch: z.boolean().describe('It has no value.'),
      default: z.string().nullable(),
      insteadOf: z.array(z.string()).describe('One of these is needed without it.'),
      given: z.string().nullable().describe('What tickerwatch emr gives it, unless told otherwise.'),
    }),
  ),
})
const log = z.object({
  url: z.string(),
  lines: z.array(z.string()).describe('The last ones.'),
  isCut: z.boolean().describe('There are more before them.'),
})
const retraining = z.object({
  run: z.string(),
  at: time.describe('When the last of its parts came.'),
  report: z
    .object({
      candidate: z.string(),
      serving: z.string(),
      newlyLabelled: z.number().int(),
      unseen: z
        .object({
          people: z.number(),
          windows: z.number(),
          difference: z.number(),
          lowerBound: z.number(),
        })
        .describe(
          'Macro-F1 of the candidate less that of the serving one, and where it is above with 95 % confidence.',
        ),
      promoted: z.boolean(),
      objections: z.array(z.string()).describe('Why it is not promoted.'),
    })
    .nullable()
    .describe('Null while it has not ended.'),
})
const ofJob = z.object({ job: z.string().max(64) })

export function sparkRoutes(server: Api, { observer }: { readonly observer: Observer | undefined }): void {
  scripts(server)
  runs(server, observer)
}

function scripts(server: Api): void {
  const config = { access: 'open' } as const
  server.get(
    '/api/spark/jobs',
    {
      config,
      schema: {
        summary: 'The Spark jobs, with the parameters of their scripts',
        response: { 200: z.array(job) },
      },
    },
    async () => await catalogue(),
  )

  server.get(
    '/api/spark/jobs/:job/source',
    {
      config,
      schema: {
        summary: 'The script of a job',
        params: ofJob,
        response: { 200: z.object({ name: z.string(), source: z.string() }), 404: failure },
      },
    },
    async ({ params: { job } }, reply) => {
      const source = await sourceOf(job)
      if (source !== undefined) return { name: job, source }
      return reply.code(404).send({ code: 'JOB_UNKNOWN', message: `there is no job ${job}` })
    },
  )
}

function runs(server: Api, observer: Observer | undefined): void {
  server.get(
    '/api/spark/jobs/:job/report',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'What a job reported last; null if it never did',
        params: ofJob,
        response: {
          200: z.union([
            z.object({ configured: z.literal(true), at: time.nullable(), report: z.unknown() }),
            unconfigured,
          ]),
          502: failure,
        },
      },
    },
    async ({ params: { job } }, reply) => {
      if (observer === undefined) return notConfigured
      try {
        const { at = null, report = null } = (await observer.report(job)) ?? {}
        return { configured: true as const, at, report }
      } catch (error) {
        return reply.code(502).send(refusal(error))
      }
    },
  )

  server.get(
    '/api/spark/retrainings',
    {
      config: { access: 'open' },
      schema: {
        summary: 'What retrainings that a schedule ordered have come to, the newest first',
        response: {
          200: z.union([
            z.object({ configured: z.literal(true), retrainings: z.array(retraining) }),
            unconfigured,
          ]),
          502: failure,
        },
      },
    },
    async (_request, reply) => {
      if (observer === undefined) return notConfigured
      try {
        return { configured: true as const, retrainings: await observer.retrainings() }
      } catch (error) {
        return reply.code(502).send(refusal(error))
      }
    },
  )

  server.get(
    '/api/spark/runs',
    {
      config: { access: 'open' },
      schema: {
        summary: 'What ran of the jobs on the configured clusters, the newest first',
        response: {
          200: z.union([z.object({ configured: z.literal(true), runs: z.array(step) }), unconfigured]),
          502: failure,
        },
      },
    },
    async (_request, reply) => {
      if (observer === undefined) return notConfigured
      try {
        return { configured: true as const, runs: await observer.runs() }
      } catch (error) {
        return reply.code(502).send(refusal(error))
      }
    },
  )

  server.get(
    '/api/spark/runs/:cluster/:step/log',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'What a run has printed, as far as it has come to S3',
        params: z.object({ cluster: awsId, step: awsId }),
        response: { 200: z.object({ logs: z.array(log) }), 404: failure, 502: failure },
      },
    },
    async ({ params: { cluster, step } }, reply) => {
      try {
        const logs = await observer?.log(cluster, step)
        if (logs !== undefined) return { logs }
        const message = `there is no step ${step} of a cluster ${cluster} here`
        return reply.code(404).send({ code: 'STEP_UNKNOWN', message })
      } catch (error) {
        return reply.code(502).send(refusal(error))
      }
    },
  )
}
