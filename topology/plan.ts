/** From the graph to what runs: sub-topologies, their topics, stores and tasks. */
import { TickerError } from './errors.ts'
import { type Graph, type GraphNode, type SinkNode, type SourceNode, storeOf } from './graph.ts'

/** Nodes that must run together, because records or state pass between them. One task of it per input partition. */
export interface SubTopology {
  readonly id: number
  readonly nodes: readonly GraphNode[]
  readonly sourceTopics: readonly string[]
  readonly sinkTopics: readonly string[]
  readonly stores: readonly string[]
}

export interface Plan {
  readonly subTopologies: readonly SubTopology[]
}

/** `subTopology_partition`, as Kafka Streams writes it. */
export interface TaskId {
  readonly subTopology: number
  readonly partition: number
}

export function taskName(id: TaskId): string {
  return `${id.subTopology}_${id.partition}`
}

/** Kafka Streams' name for a store's changelog. */
export function changelogTopic(applicationId: string, store: string): string {
  return `${applicationId}-${store}-changelog`
}

export function deadLetterTopic(applicationId: string): string {
  return `${applicationId}-dead-letters`
}

/** Connected parts of the graph, in the order in which their first source was declared. */
export function plan(graph: Graph): Plan {
  const part = new Map<string, string>()
  const rootOf = (name: string): string => {
    let root = name
    while (part.get(root) !== undefined && part.get(root) !== root) root = part.get(root)!
    return root
  }
  for (const node of graph.nodes) {
    part.set(node.name, node.name)
    for (const input of node.inputs) part.set(rootOf(input.node), rootOf(node.name))
  }
  const groups = new Map<string, GraphNode[]>()
  for (const node of graph.nodes) {
    const root = rootOf(node.name)
    const group = groups.get(root)
    if (group === undefined) groups.set(root, [node])
    else group.push(node)
  }
  return { subTopologies: [...groups.values()].map(subTopology) }
}

function subTopology(nodes: readonly GraphNode[], id: number): SubTopology {
  const sources = nodes.filter((node): node is SourceNode => node.kind === 'source')
  const sinks = nodes.filter((node): node is SinkNode => node.kind === 'sink')
  return {
    id,
    nodes,
    sourceTopics: sources.map(node => node.topic),
    sinkTopics: [...new Set(sinks.map(node => node.topic))],
    stores: nodes.flatMap(node => storeOf(node) ?? []),
  }
}

/**
 * How many tasks a sub-topology has: its topics' number of partitions, which must agree, because partition n of each
 * goes to task n. @throws TickerError TOPOLOGY_NOT_COPARTITIONED
 */
export function taskCount(part: SubTopology, partitions: ReadonlyMap<string, number>): number {
  const counts = part.sourceTopics.map(topic => partitions.get(topic) ?? 0)
  if (new Set(counts).size > 1) {
    const list = part.sourceTopics.map((topic, i) => `${topic} ${counts[i]}`).join(', ')
    throw new TickerError(
      'TOPOLOGY_NOT_COPARTITIONED',
      `topics processed together differ in partitions: ${list}`,
    )
  }
  return counts[0] ?? 0
}
