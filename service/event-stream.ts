/** `/api/events`: a snapshot at each look of the sampler, as server-sent events (html.spec.whatwg.org). */
import { z } from 'zod'
import { type Api, failure } from './api.ts'
import type { Sampler, Snapshot } from './sampler.ts'

const maximumClients = 32
/** Bytes that may wait for a client that does not read; snapshots beyond that are left out for it. */
const maximumBacklog = 1 << 20

export function eventStream(server: Api, sampler: Sampler): void {
  const clients = new Set<() => void>()
  // Ends the answers that would otherwise keep the server from closing.
  server.addHook('preClose', async () => {
    for (const end of clients) end()
  })

  const schema = {
    summary: 'The status twice a second, as server-sent events',
    description: `At most ${maximumClients} pages at a time; further ones are answered 503.`,
    response: {
      200: {
        description: 'Each event is what /api/status answers.',
        content: { 'text/event-stream': { schema: z.string() } },
      },
      503: failure,
    },
  }
  // A HEAD request would hold a stream open that nobody reads.
  server.get(
    '/api/events',
    { exposeHeadRoute: false, config: { access: 'open' }, schema },
    (request, reply) => {
      if (clients.size >= maximumClients) {
        const message = `${maximumClients} pages are connected already`
        reply.code(503).header('retry-after', 5).send({ code: 'TOO_MANY_CLIENTS', message })
        return
      }
      const headers = reply.getHeaders()
      reply.hijack()
      const { raw } = reply
      for (const [name, value] of Object.entries(headers)) if (value !== undefined) raw.setHeader(name, value)
      raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      const send = (snapshot: Snapshot): void => {
        if (raw.writableLength < maximumBacklog) raw.write(`data: ${JSON.stringify(snapshot)}\n\n`)
      }
      const unsubscribe = sampler.subscribe(send)
      const end = (): void => {
        unsubscribe()
        clients.delete(end)
        raw.end()
      }
      clients.add(end)
      request.raw.on('close', end)
      raw.on('error', end)
      send(sampler.snapshot())
    },
  )
}
