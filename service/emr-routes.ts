/** `/api/emr`: clusters of EMR, as they are. Nothing is changed from here. */
import { z } from 'zod'
import type { Observer } from '../spark-jobs/submit/observer.ts'
import { type Api, failure, time } from './api.ts'
import { awsId, notConfigured, refusal, unconfigured } from './aws-answer.ts'
import { step } from './spark-routes.ts'

const count = z.number().int().min(0)
const cluster = z.object({
  id: z.string(),
  name: z.string(),
  state: z.string().describe('In EMR’s words, such as WAITING.'),
  reason: z.string().nullable().describe('Of its last change of state.'),
  createdAt: time.nullable(),
  readyAt: time.nullable(),
  endedAt: time.nullable(),
})
const cost = z.object({
  currency: z.string(),
  region: z.string().describe('Whose list prices they are.'),
  asOf: z.string().describe('Of when they are.'),
  perHour: z.number().nullable(),
  soFar: z.number().nullable(),
  withoutPrice: z.array(z.string()).describe('Types of nodes that are left out.'),
  hasSpot: z.boolean().describe('Some nodes cost less: all are counted at the price on demand.'),
})
const details = cluster.extend({
  release: z.string(),
  zone: z.string().nullable(),
  tags: z.record(z.string(), z.string()),
  groups: z.array(
    z.object({
      role: z.string(),
      type: z.string(),
      market: z.string(),
      state: z.string(),
      requested: count,
      running: count,
    }),
  ),
  hasFleets: z.boolean(),
  steps: z.array(step),
  cost: cost.describe('An estimate; disks, S3, transfer, taxes and discounts are not in it.'),
})
const utilisation = z.object({
  from: time,
  to: time,
  series: z.array(
    z.object({
      name: z.string(),
      title: z.string(),
      unit: z.string(),
      points: z.array(z.object({ at: time, value: z.number() })),
    }),
  ),
})
const params = z.object({ cluster: awsId })
const config = { access: 'open' } as const

export function emrRoutes(server: Api, { observer }: { readonly observer: Observer | undefined }): void {
  server.get(
    '/api/emr/clusters',
    {
      config,
      schema: {
        summary: 'Clusters of the configured name, of the last 30 days',
        response: {
          200: z.union([z.object({ configured: z.literal(true), clusters: z.array(cluster) }), unconfigured]),
          502: failure,
        },
      },
    },
    async (_request, reply) => {
      if (observer === undefined) return notConfigured
      try {
        return { configured: true as const, clusters: await observer.clusters() }
      } catch (error) {
        return reply.code(502).send(refusal(error))
      }
    },
  )

  server.get(
    '/api/emr/clusters/:cluster',
    {
      config,
      schema: {
        summary: 'A cluster: nodes, steps, tags, and what it costs by an estimate',
        params,
        response: { 200: details, 404: failure, 502: failure },
      },
    },
    async ({ params: { cluster } }, reply) => {
      try {
        return (await observer?.cluster(cluster)) ?? reply.code(404).send(missing(cluster))
      } catch (error) {
        return reply.code(502).send(refusal(error))
      }
    },
  )

  server.get(
    '/api/emr/clusters/:cluster/utilisation',
    {
      config,
      schema: {
        summary: 'How busy a cluster was in the last three hours, by CloudWatch',
        params,
        response: { 200: utilisation, 404: failure, 502: failure },
      },
    },
    async ({ params: { cluster } }, reply) => {
      try {
        return (await observer?.utilisation(cluster)) ?? reply.code(404).send(missing(cluster))
      } catch (error) {
        return reply.code(502).send(refusal(error))
      }
    },
  )
}

function missing(id: string): z.infer<typeof failure> {
  return {
    code: 'CLUSTER_UNKNOWN',
    message: `there is no cluster ${id} of the configured name in the last 30 days`,
  }
}
