/**
 * `/api/nodes`: every node of the group with its tasks, standbys and figures. A node knows from the group who has what, and asks
 * each of the others for the rest; of one that does not answer the tasks are told, and why the rest is missing.
 */
import { z } from 'zod'
import { messageOf } from '../processors/errors.ts'
import type { NodeTasks, StoreQueries, Timers } from '../topology/index.ts'
import type { Api } from './api.ts'
import { askNode, FORWARDED } from './other-node.ts'
import type { Sampler } from './sampler.ts'

/** Milliseconds for which an answer serves all pages that ask. */
const FRESH = 1_000

const edge = z.object({
  from: z.string(),
  to: z.string(),
  output: z.string(),
  total: z.number(),
  perSecond: z.number().optional(),
})
/** What only the node itself knows. */
const figures = z.object({
  restoring: z.array(z.object({ task: z.string(), store: z.string(), left: z.number() })),
  readings: z.number(),
  readingsPerSecond: z.number().optional(),
  edges: z.array(edge),
})
const shownNode = z.object({
  node: z.string(),
  endpoint: z.string().optional(),
  tasks: z.array(z.string()),
  standbys: z
    .array(z.object({ task: z.string(), lag: z.number().optional() }))
    .describe('What each lacks, where the node itself says it.'),
  figures: figures.optional(),
  trouble: z.string().optional(),
})
export const nodesAnswer = z.object({ node: z.string(), nodes: z.array(shownNode) })

type ShownNode = z.infer<typeof shownNode>

export interface NodeRoutesOptions {
  readonly sampler: Pick<Sampler, 'snapshot'>
  /** Without them there is nobody else. */
  readonly queries?: StoreQueries | undefined
  readonly timers: Timers
  /** For other nodes, where reading needs one. */
  readonly token?: string | undefined
}

export function nodeRoutes(server: Api, { sampler, queries, timers, token }: NodeRoutesOptions): void {
  const name = queries?.node ?? 'this node'
  let latest: { readonly at: number; readonly nodes: Promise<readonly ShownNode[]> } | undefined

  function here(tasks?: ShownNode): ShownNode {
    const { work, readings, readingsPerSecond, topology } = sampler.snapshot()
    return {
      node: name,
      endpoint: tasks?.endpoint,
      tasks: [...work.tasks],
      standbys: work.standbys.map(({ task, lag }) => ({ task, lag })),
      figures: {
        restoring: work.restoring.map(({ task, store, left }) => ({ task, store, left })),
        readings,
        readingsPerSecond,
        edges: topology.edges.map(each => ({ ...each })),
      },
    }
  }

  async function there(other: ShownNode): Promise<ShownNode> {
    if (other.endpoint === undefined)
      return { ...other, trouble: 'it does not say where it can be asked: see --advertise' }
    try {
      const { nodes } = await askNode(other.endpoint, '/api/nodes', nodesAnswer, { timers, token })
      return { ...other, ...nodes[0], endpoint: other.endpoint }
    } catch (error) {
      return { ...other, trouble: messageOf(error) }
    }
  }

  async function all(): Promise<readonly ShownNode[]> {
    const members = await queries?.nodes()
    const nodes = byNode(members ?? [])
    const own = here(nodes.find(({ node }) => node === name))
    const others = nodes.filter(({ node }) => node !== name)
    return [own, ...(await Promise.all(others.map(there)))].sort((a, b) => (a.node < b.node ? -1 : 1))
  }

  server.get(
    '/api/nodes',
    {
      config: { access: 'open' },
      schema: {
        summary: 'The nodes of the group: tasks, standbys, what is restored, what passes',
        response: { 200: nodesAnswer },
      },
    },
    async ({ headers }) => {
      if (headers[FORWARDED] !== undefined) return { node: name, nodes: [here()] }
      if (latest === undefined || timers.now() - latest.at >= FRESH) {
        latest = { at: timers.now(), nodes: all() }
        // One that failed is no answer for others.
        latest.nodes.catch(() => {
          latest = undefined
        })
      }
      return { node: name, nodes: await latest.nodes }
    },
  )
}

/** A node with threads is several members. */
function byNode(members: readonly NodeTasks[]): readonly ShownNode[] {
  return [...new Set(members.map(({ node }) => node))].map(node => {
    const own = members.filter(each => each.node === node)
    return {
      node,
      endpoint: own.find(({ endpoint }) => endpoint !== undefined)?.endpoint,
      tasks: own.flatMap(({ active }) => active),
      standbys: own.flatMap(({ standby }) => standby.map(task => ({ task }))),
    }
  })
}
