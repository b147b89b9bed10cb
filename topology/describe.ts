/** A topology in words and as a drawing. */
import { type Graph, type GraphNode, outputsOf, storesOf } from './graph.ts'
import { isProcessor } from './nodes/processors.ts'
import { connectedParts, globalTablesOf } from './plan.ts'

/** As text, after Kafka Streams' Topology.describe(). */
export function describe(graph: Graph): string {
  const lines = ['Topologies:']
  for (const [id, nodes] of connectedParts(graph).entries()) {
    lines.push(`   Sub-topology: ${id}`)
    for (const node of nodes) {
      lines.push(`    ${title(graph, node)}`)
      for (const output of outputsOf(node)) {
        const followers = followersOf(graph, node, output)
        const label = output === 'out' ? '-->' : `--${output}-->`
        if (followers.length > 0 || output === 'out')
          lines.push(`      ${label} ${followers.join(', ') || 'none'}`)
      }
      if (node.inputs.length > 0) lines.push(`      <-- ${node.inputs.map(input => input.node).join(', ')}`)
    }
    lines.push('')
  }
  for (const { name, topic, store } of globalTablesOf(graph)) {
    lines.push(`   Global table: ${name} (topic: ${topic}, store: ${store})`, '')
  }
  return lines.join('\n')
}

/** As a Mermaid flowchart (mermaid.js.org), a box for each sub-topology. */
export function mermaid(graph: Graph): string {
  const lines = ['flowchart LR']
  const id = new Map(graph.nodes.map((node, i) => [node.name, `n${i}`]))
  const drawn = new Set<string>()
  for (const [part, nodes] of connectedParts(graph).entries()) {
    lines.push(`  subgraph s${part}["Sub-topology ${part}"]`)
    for (const node of nodes) {
      // A repartition topic lies between two of them; it is drawn where it is written.
      if (drawn.has(node.name)) continue
      drawn.add(node.name)
      lines.push(`    ${id.get(node.name)}${shape(node)}`)
    }
    lines.push('  end')
  }
  for (const node of globalTablesOf(graph)) lines.push(`  ${id.get(node.name)}${shape(node)}`)
  for (const node of graph.nodes) {
    if (node.kind === 'globalJoin') lines.push(`  ${id.get(node.table)} -.-> ${id.get(node.name)}`)
    for (const { node: from, output } of node.inputs) {
      const label = output === 'out' ? '' : `|${output}|`
      lines.push(`  ${id.get(from)} -->${label} ${id.get(node.name)}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function followersOf(graph: Graph, node: GraphNode, output: string): string[] {
  const follows = (other: GraphNode): boolean =>
    other.inputs.some(input => input.node === node.name && input.output === output)
  return graph.nodes.filter(follows).map(other => other.name)
}

/** Those it keeps, or as a processor uses. */
function storesAt(graph: Graph, node: GraphNode): readonly string[] {
  if (!isProcessor(node)) return storesOf(node)
  const used = Object.values(node.stores).map(store => graph.nodes.find(each => each.name === store.node))
  return used.flatMap(each => (each === undefined ? [] : storesOf(each)))
}

function title(graph: Graph, node: GraphNode): string {
  if (node.kind === 'source') return `Source: ${node.name} (topics: [${node.topics.join(', ')}])`
  if (node.kind === 'sink') return `Sink: ${node.name} (topic: ${node.topics.join(', ')})`
  const changelog = node.kind === 'tableSource' ? node.store.changelog : undefined
  const from = changelog === undefined ? '' : `, changelog: ${changelog}`
  return `Processor: ${node.name} (${node.kind}, stores: [${storesAt(graph, node).join(', ')}]${from})`
}

function shape(node: GraphNode): string {
  if (node.kind === 'repartition') return `[("${node.name}")]`
  if (node.kind === 'globalTable') return `[("${node.topic}")]`
  if (node.kind === 'source' || node.kind === 'sink') return `[("${node.topics.join(', ')}")]`
  return storesOf(node).length === 0 ? `["${node.name}"]` : `[["${node.name}"]]`
}
