/** From the graph to what runs: sub-topologies, their topics, stores and tasks. */
import { TickerError } from './errors.ts'
import { checkName, type Graph, type GraphNode, storesOf } from './graph.ts'
import type { GlobalTableNode } from './nodes/joins.ts'
import { isProcessor } from './nodes/processors.ts'
import type { RepartitionNode, SinkNode, SourceNode } from './nodes/topics.ts'

/**
 * Nodes that must run together, because records or state pass between them. One task of it per input partition. A
 * repartition node is a sink of one sub-topology and a source of another.
 */
export interface SubTopology {
  readonly id: number
  readonly nodes: readonly GraphNode[]
  readonly sources: readonly (SourceNode | RepartitionNode)[]
  readonly sinks: readonly (SinkNode | RepartitionNode)[]
  readonly sourceTopics: readonly string[]
  readonly sinkTopics: readonly string[]
  readonly stores: readonly string[]
  /** The topics that stand for the changelogs of some of them, by store. */
  readonly sourceChangelogs: ReadonlyMap<string, string>
  /** The store, among these, of the task's clocks (clocks.ts); undefined where nothing reads them. */
  readonly clocks: string | undefined
  /** Those repartition nodes of the whole topology that let records without a key pass. */
  readonly nullKeyRepartitions: ReadonlySet<string>
}

export interface Plan {
  readonly applicationId: string
  readonly subTopologies: readonly SubTopology[]
  /** They belong to no sub-topology: every node holds each. */
  readonly globalTables: readonly GlobalTableNode[]
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

/** Its node is named after it. */
export function repartitionTopic(applicationId: string, node: RepartitionNode): string {
  return `${applicationId}-${node.name}`
}

export function deadLetterTopic(applicationId: string): string {
  return `${applicationId}-dead-letters`
}

/** @param options.oneTask runs everything in one sub-topology, as Kafka Streams' test driver does */
export function plan(graph: Graph, applicationId: string, options: { oneTask?: boolean } = {}): Plan {
  checkName(applicationId, 'application')
  const parts = options.oneTask ? [graph.nodes.flatMap(inOneTask)] : connectedParts(graph)
  const keyless = nullKeyRepartitions(graph)
  const subTopologies = parts.map((nodes, id) => subTopology(nodes, id, applicationId, keyless))
  checkTopicLengths(applicationId, subTopologies)
  return { applicationId, subTopologies, globalTables: globalTablesOf(graph) }
}

/** What Kafka allows. */
const longestTopic = 249

/** Names that are fine by themselves may be too long together. @throws TickerError TOPOLOGY_NAME_INVALID */
function checkTopicLengths(applicationId: string, parts: readonly SubTopology[]): void {
  for (const { stores, sources, sinks } of parts) {
    const repartitions = [...sources, ...sinks].filter(node => node.kind === 'repartition')
    const named = [
      ...stores.map(store => [store, changelogTopic(applicationId, store)] as const),
      ...repartitions.map(node => [node.name, repartitionTopic(applicationId, node)] as const),
    ]
    for (const [name, topic] of named) {
      if (topic.length <= longestTopic) continue
      throw new TickerError(
        'TOPOLOGY_NAME_INVALID',
        `${name}: its topic ${topic} would be ${topic.length} characters long`,
      )
    }
  }
}

/** One task is one partition, whatever a repartition topic was given. */
function inOneTask(node: GraphNode): readonly GraphNode[] {
  if (node.kind === 'globalTable') return []
  return [node.kind === 'repartition' ? { ...node, partitions: undefined } : node]
}

export function globalTablesOf(graph: Graph): readonly GlobalTableNode[] {
  return graph.nodes.filter(node => node.kind === 'globalTable')
}

/** Connected parts of the graph, cut at repartition topics, in the order in which their first node was declared. */
export function connectedParts(graph: Graph): GraphNode[][] {
  const parents = new Map<string, string>()
  const rootOf = (name: string): string => {
    let root = name
    while (parents.get(root) !== undefined && parents.get(root) !== root) root = parents.get(root)!
    return root
  }
  const local = graph.nodes.filter(node => node.kind !== 'globalTable')
  for (const node of local) {
    parents.set(node.name, node.name)
    if (node.kind === 'repartition') continue
    for (const input of node.inputs) parents.set(rootOf(input.node), rootOf(node.name))
  }
  const parts = new Map<string, GraphNode[]>()
  const put = (root: string, node: GraphNode): void => {
    const part = parts.get(root)
    if (part === undefined) parts.set(root, [node])
    else if (!part.includes(node)) part.push(node)
  }
  for (const node of local) {
    if (node.kind === 'repartition') for (const input of node.inputs) put(rootOf(input.node), node)
    put(rootOf(node.name), node)
  }
  return [...parts.values()]
}

/**
 * Repartition nodes that hand on records without a key, because a left or outer join of a stream, which takes them, follows
 * somewhere (Kafka Streams' rule, KIP-962). The others drop them.
 */
function nullKeyRepartitions(graph: Graph): ReadonlySet<string> {
  const wanted = new Set<string>()
  // Children come after their parents.
  for (const node of graph.nodes.toReversed()) {
    if (takesNullKeys(node) || wanted.has(node.name)) for (const input of node.inputs) wanted.add(input.node)
  }
  const found = graph.nodes.filter(node => node.kind === 'repartition' && wanted.has(node.name))
  return new Set(found.map(node => node.name))
}

function takesNullKeys(node: GraphNode): boolean {
  if (node.kind === 'streamJoin') return node.keepsLeft || node.keepsRight
  if (node.kind === 'foreignKeyLookup') return node.keepsLeft
  return (node.kind === 'streamTableJoin' || node.kind === 'globalJoin') && node.keepsUnmatched
}

function subTopology(
  nodes: readonly GraphNode[],
  id: number,
  applicationId: string,
  nullKeyRepartitions: ReadonlySet<string>,
): SubTopology {
  const names = new Set(nodes.map(node => node.name))
  const isFollowed = (node: RepartitionNode): boolean =>
    nodes.some(other => other.inputs.some(input => input.node === node.name))
  const isFed = (node: RepartitionNode): boolean => node.inputs.some(input => names.has(input.node))
  const sources = nodes.filter(
    (node): node is SourceNode | RepartitionNode =>
      node.kind === 'source' || (node.kind === 'repartition' && isFollowed(node)),
  )
  const sinks = nodes.filter(
    (node): node is SinkNode | RepartitionNode =>
      node.kind === 'sink' || (node.kind === 'repartition' && isFed(node)),
  )
  const topicsOf = (node: SourceNode | SinkNode | RepartitionNode): readonly string[] =>
    node.kind === 'repartition' ? [repartitionTopic(applicationId, node)] : node.topics
  const clocks = readsClocks(nodes) ? clockStore(sources) : undefined
  return {
    id,
    nodes,
    sources,
    sinks,
    sourceTopics: sources.flatMap(topicsOf),
    sinkTopics: [...new Set(sinks.flatMap(topicsOf))],
    stores: [...nodes.flatMap(storesOf), ...(clocks === undefined ? [] : [clocks])],
    sourceChangelogs: new Map(nodes.flatMap(sourceChangelogOf)),
    clocks,
    nullKeyRepartitions,
  }
}

function sourceChangelogOf(node: GraphNode): [store: string, topic: string][] {
  if (node.kind !== 'tableSource' || !node.materialized) return []
  const { name, changelog } = node.store
  return changelog === undefined ? [] : [[name, changelog]]
}

function readsClocks(nodes: readonly GraphNode[]): boolean {
  return nodes.some(node => isProcessor(node) || (node.kind === 'source' && node.readsPartitionTime))
}

/** Named after the first of its topics in order of their names, so that it stays where operators are added. */
function clockStore(sources: readonly (SourceNode | RepartitionNode)[]): string {
  const [first] = sources.flatMap(node => (node.kind === 'source' ? node.topics : [node.name])).sort()
  return `${first}-clocks`
}

/** Topics that the application's user makes: all that is read or written but internal ones. */
export function externalTopics(plan: Plan): readonly string[] {
  const internal = repartitionTopics(plan)
  const local = plan.subTopologies.flatMap(part => [...part.sourceTopics, ...part.sinkTopics])
  const all = [...local, ...plan.globalTables.map(table => table.topic)]
  return [...new Set(all)].filter(topic => !internal.has(topic))
}

export function repartitionTopics(plan: Plan): ReadonlySet<string> {
  return new Set(repartitionNodes(plan).map(node => repartitionTopic(plan.applicationId, node)))
}

function repartitionNodes(plan: Plan): readonly RepartitionNode[] {
  return plan.subTopologies.flatMap(part => part.sources.filter(node => node.kind === 'repartition'))
}

/**
 * Partitions of every topic, internal ones included: a repartition topic has as many as it was given, else as many as the
 * other topics it is processed with, else as many as the widest sub-topology that writes it.
 * @param external partitions of the topics that exist already
 * @throws TickerError TOPOLOGY_NOT_COPARTITIONED
 */
export function partitionCounts(
  plan: Plan,
  external: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const counts = new Map(external)
  const nodes = repartitionNodes(plan)
  for (const node of nodes) {
    if (node.partitions !== undefined) counts.set(repartitionTopic(plan.applicationId, node), node.partitions)
  }
  // Each round settles at least one topic; a topic that only feeds itself has one partition.
  for (let open = nodes.length; open > 0; open--) {
    for (const node of nodes) {
      const topic = repartitionTopic(plan.applicationId, node)
      if (counts.has(topic)) continue
      const widest = (part: SubTopology): number =>
        Math.max(0, ...part.sourceTopics.map(each => counts.get(each) ?? 0))
      const readers = plan.subTopologies.filter(part => part.sourceTopics.includes(topic))
      const writers = plan.subTopologies.filter(part => part.sinkTopics.includes(topic))
      const count = Math.max(0, ...readers.map(widest)) || Math.max(0, ...writers.map(widest))
      if (count > 0) counts.set(topic, count)
    }
  }
  for (const part of plan.subTopologies) taskCount(part, counts)
  return counts
}

/**
 * Repartition topics that are given a number of partitions must agree where they are processed together: that much is known
 * before the application starts. @throws TickerError TOPOLOGY_NOT_COPARTITIONED
 */
export function checkRepartitions(graph: Graph): void {
  for (const nodes of connectedParts(graph)) {
    const given = new Map<string, number>()
    for (const node of nodes) {
      const isRead = nodes.some(other => other.inputs.some(input => input.node === node.name))
      if (node.kind === 'repartition' && node.partitions !== undefined && isRead)
        given.set(node.name, node.partitions)
    }
    if (new Set(given.values()).size <= 1) continue
    const list = [...given].map(([name, partitions]) => `${name} ${partitions}`).join(', ')
    throw new TickerError(
      'TOPOLOGY_NOT_COPARTITIONED',
      `repartition topics processed together differ in partitions: ${list}`,
    )
  }
}

/**
 * How many tasks a sub-topology has: its topics' number of partitions, which must agree, because partition n of each
 * goes to task n. @throws TickerError TOPOLOGY_NOT_COPARTITIONED
 */
export function taskCount(part: SubTopology, partitions: ReadonlyMap<string, number>): number {
  const counts = part.sourceTopics.map(topic => partitions.get(topic) ?? 1)
  if (new Set(counts).size > 1) {
    const list = part.sourceTopics.map((topic, i) => `${topic} ${counts[i]}`).join(', ')
    throw new TickerError(
      'TOPOLOGY_NOT_COPARTITIONED',
      `topics processed together differ in partitions: ${list}`,
    )
  }
  return counts[0] ?? 0
}
