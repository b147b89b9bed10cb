/** What the processes of a fault run tell each other; the nodes and the feed are started by the run. */
import { z } from 'zod'
import { requests } from './connections.ts'
import { failPoints } from './fail-points.ts'

const strike = z.object({ at: z.enum(failPoints), signal: z.enum(['SIGKILL', 'SIGSTOP']) })
const requestName = z.enum(Object.keys(requests) as (keyof typeof requests)[]) // Object.keys forgets the type

/** What a node is started with, in JSON. */
export const nodeStart = z.object({
  brokers: z.string(),
  applicationId: z.string(),
  clientId: z.string(),
  state: z.string(),
  strike: strike.optional(),
  cut: requestName.optional(),
})
export type NodeStart = z.infer<typeof nodeStart>

/** What a node is told while it runs. */
export const nodeOrder = z.union([z.object({ strike }), z.object({ cut: requestName })])
export type NodeOrder = z.infer<typeof nodeOrder>

/** What the feed is started with, in JSON. */
export const feedStart = z.object({
  brokers: z.string(),
  applicationId: z.string(),
  seed: z.number(),
  /** Records per second. */
  rate: z.number(),
})
export type FeedStart = z.infer<typeof feedStart>

/** What nodes and the feed report. Times are milliseconds since the epoch. */
export const report = z.discriminatedUnion('kind', [
  /** A transaction was committed that moves the positions of these input partitions (`topic/partition`). */
  z.object({ kind: z.literal('committed'), at: z.number(), partitions: z.array(z.string()) }),
  /** A connection was cut off. */
  z.object({ kind: z.literal('cut'), request: requestName }),
  z.object({ kind: z.literal('notice'), text: z.string() }),
  /** The process ends by this. */
  z.object({ kind: z.literal('failed'), text: z.string() }),
  /** Records of each input partition that the broker has acknowledged. */
  z.object({ kind: z.literal('acknowledged'), counts: z.array(z.number()) }),
])
export type Report = z.infer<typeof report>

/** From a child to the run that started it. */
export function tell(message: Report): void {
  // A run that has ended hears nothing any more.
  if (process.connected) process.send?.(message)
}
