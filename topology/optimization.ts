/**
 * What `build({ optimize: 'all' })` changes, as Kafka Streams' `topology.optimization=all` does. Results stay the same;
 * fewer internal topics are written.
 *
 * - Streams that get a new key once and are repartitioned by it several times are repartitioned once, where they get it.
 * - A table read straight from a topic has that topic for its changelog.
 */
import type { GraphNode, Output } from './graph.ts'
import type { TableSourceNode } from './nodes/tables.ts'
import type { RepartitionNode, SourceNode } from './nodes/topics.ts'

/** @param nodes parents before children; so is the result */
export function optimized(nodes: readonly GraphNode[]): readonly GraphNode[] {
  return reuseSources(mergeRepartitions(nodes))
}

/** Keep key and value as they are, so that what follows may as well come before them. */
const passing = ['filter', 'peek']

function mergeRepartitions(nodes: readonly GraphNode[]): readonly GraphNode[] {
  const byName = new Map(nodes.map(node => [node.name, node]))
  const isShared = (name: string): boolean =>
    nodes.filter(node => node.inputs.some(input => input.node === name)).length > 1

  /**
   * The nodes from where a repartition's records get their key to the repartition, without it. Undefined if others see
   * what lies between.
   */
  const pathTo = (node: GraphNode): readonly string[] | undefined => {
    const before = byName.get(node.inputs[0]!.node)!
    if (before.kind === 'flatMap' || before.kind === 'process') return [before.name]
    if (!passing.includes(before.kind) || isShared(before.name)) return undefined
    const path = pathTo(before)
    return path && [...path, before.name]
  }

  const groups = new Map<string, { readonly node: RepartitionNode; readonly path: readonly string[] }[]>()
  for (const node of nodes) {
    // One that was asked for by name is a promise.
    if (node.kind !== 'repartition' || !node.isImplied) continue
    const path = pathTo(node)
    if (path === undefined) continue
    const id = `${path[0]} ${node.key.name} ${node.value.name}`
    groups.set(id, [...(groups.get(id) ?? []), { node, path }])
  }

  const removed = new Set<string>()
  /** By the node after which each comes. */
  const merged = new Map<string, RepartitionNode[]>()
  /** What the followers of a removed node take for it. */
  const instead = new Map<string, Output>()
  /** What a node takes in place of its only input. */
  const rerouted = new Map<string, Output>()
  for (const group of groups.values()) {
    if (group.length === 1) continue
    const first = group[0]!.node
    const origin = group[0]!.path[0]!
    merged.set(origin, [
      ...(merged.get(origin) ?? []),
      { ...first, inputs: [{ node: origin, output: 'out' }] },
    ])
    const through = { node: first.name, output: 'out' }
    for (const { node, path } of group) {
      removed.add(node.name)
      instead.set(node.name, path.length === 1 ? through : node.inputs[0]!)
      if (path.length > 1) rerouted.set(path[1]!, through)
    }
  }

  return nodes.flatMap((node): GraphNode[] => {
    if (removed.has(node.name)) return []
    const inputs = node.inputs.map(input => rerouted.get(node.name) ?? instead.get(input.node) ?? input)
    return [{ ...node, inputs }, ...(merged.get(node.name) ?? [])]
  })
}

function reuseSources(nodes: readonly GraphNode[]): readonly GraphNode[] {
  const byName = new Map(nodes.map(node => [node.name, node]))
  return nodes.map(node => {
    const source = node.kind === 'tableSource' ? byName.get(node.inputs[0]!.node) : undefined
    if (node.kind !== 'tableSource' || source?.kind !== 'source' || !isItsChangelog(node, source)) return node
    return { ...node, store: { ...node.store, changelog: source.topics[0]! } }
  })
}

/** Whether each record of the topic is a row as it is: under its own time, and none is refused. */
function isItsChangelog(table: TableSourceNode, source: SourceNode): boolean {
  const isRefused = source.timestamp !== undefined || source.validate !== undefined
  return table.materialized && table.store.history === undefined && source.topics.length === 1 && !isRefused
}
