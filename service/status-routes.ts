/** How the node is: its figures, its health, its metrics. */
import { z } from 'zod'
import type { Api } from './api.ts'
import { exposition } from './metrics/metrics.ts'
import type { Sampler } from './sampler.ts'
import type { StatusSource } from './status.ts'
import { snapshot, topologyStatus } from './status-schema.ts'

const well = z.object({ status: z.literal('ok') })
const unwell = z.object({ status: z.literal('unavailable'), reason: z.string() })

export function statusRoutes(
  server: Api,
  { source, sampler }: { readonly source: StatusSource; readonly sampler: Sampler },
): void {
  server.get(
    '/api/status',
    {
      config: { access: 'open' },
      schema: {
        summary: 'All figures, with rates, the last predictions and two minutes of history',
        response: { 200: snapshot },
      },
    },
    async () => sampler.snapshot(),
  )
  server.get(
    '/api/topology',
    {
      config: { access: 'open' },
      schema: {
        summary: 'Nodes and edges with totals and rates',
        response: { 200: topologyStatus },
      },
    },
    async () => sampler.snapshot().topology,
  )

  const health = (path: string, summary: string, trouble: () => string | undefined): void => {
    server.get(
      path,
      { config: { access: 'public' }, schema: { summary, response: { 200: well, 503: unwell } } },
      async (_request, reply) => {
        const reason = trouble()
        return reason === undefined
          ? reply.code(200).send({ status: 'ok' })
          : reply.code(503).send({ status: 'unavailable', reason })
      },
    )
  }
  health('/health/live', 'Whether the node makes progress; if not, it should be restarted', () =>
    source.stalled(),
  )
  health('/health/ready', 'Whether the node can do its work', () => source.unready())

  const { contentType, scrape } = exposition(source)
  server.get(
    '/metrics',
    {
      config: { access: 'public' },
      schema: {
        summary: 'Metrics for Prometheus',
        response: {
          200: { description: 'docs/metrics.md', content: { 'text/plain': { schema: z.string() } } },
        },
      },
    },
    async (_request, reply) => {
      reply.header('content-type', contentType)
      return scrape()
    },
  )
}
