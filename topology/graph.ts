/**
 * A topology as plain data: what the DSL builds and what the planner, describe(), the tasks and the console read.
 * Nodes are listed in the order of their declaration, parents before children; `nodes/` says what each kind holds.
 *
 * Functions are declared as methods there: that is where TypeScript lets a function over a stream's own type stand for
 * one over `unknown`. The DSL (`stream.ts`) holds the types; below it values are opaque.
 */
import { TickerError } from './errors.ts'
import { type AggregationNode, idleStore } from './nodes/aggregations.ts'
import type { ForeignKeyNode } from './nodes/foreign-keys.ts'
import { type JoinNode, storesOfStreamJoin } from './nodes/joins.ts'
import { isProcessor, type ProcessorNode } from './nodes/processors.ts'
import type { StreamNode } from './nodes/streams.ts'
import type { TableNode } from './nodes/tables.ts'
import type { TopicNode } from './nodes/topics.ts'

export type { Output } from './nodes/base.ts'

export type GraphNode =
  | TopicNode
  | StreamNode
  | TableNode
  | ForeignKeyNode
  | AggregationNode
  | JoinNode
  | ProcessorNode

export interface Graph {
  readonly nodes: readonly GraphNode[]
}

/** The outputs a node may be followed at. */
export function outputsOf(node: GraphNode): readonly string[] {
  switch (node.kind) {
    case 'split':
      return node.branches.map(branch => branch.output)
    case 'collect':
    case 'windowAggregate':
      return ['out', 'late']
    case 'sink':
    case 'globalTable':
      return []
    default:
      return ['out']
  }
}

/** The stores a node keeps, by name. */
export function storesOf(node: GraphNode): readonly string[] {
  switch (node.kind) {
    case 'collect':
    case 'windowAggregate':
      return node.idle === undefined ? [node.store] : [node.store, idleStore(node)]
    case 'globalTable':
    case 'store':
      return [node.store]
    case 'foreignKeyLookup':
      return [node.store]
    case 'suppress':
    case 'aggregate':
    case 'groupedTableAggregate':
      return [node.store.name]
    case 'tableFilter':
    case 'tableJoin':
    case 'tableMapValues':
      return node.store === undefined ? [] : [node.store.name]
    case 'tableSource':
      return node.materialized ? [node.store.name] : []
    case 'mapBatch':
      return node.recorded === undefined ? [] : [node.recorded.name]
    case 'streamJoin': {
      const { left, right, unmatched } = storesOfStreamJoin(node)
      return unmatched === undefined ? [left, right] : [left, right, unmatched]
    }
    case 'streamTableJoin':
      return node.wait === undefined ? [] : [node.wait.store]
    default:
      return []
  }
}

/** As Kafka names topics. */
const validName = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,200}$/

/** @throws TickerError TOPOLOGY_NAME_MISSING, TOPOLOGY_NAME_INVALID */
export function checkName(name: string, what: string): void {
  if (!name) throw new TickerError('TOPOLOGY_NAME_MISSING', `a ${what} has no name`)
  if (!validName.test(name))
    throw new TickerError('TOPOLOGY_NAME_INVALID', `${JSON.stringify(name)} cannot name a ${what}`)
}

/** Stores and processors must belong together. */
function checkStores(graph: Graph): void {
  const stores = graph.nodes.filter(node => node.kind === 'store')
  const processors = graph.nodes.filter(isProcessor)
  for (const { name, stores: connected } of processors) {
    for (const [as, { node }] of Object.entries(connected)) {
      const store = graph.nodes.find(each => each.name === node)
      if (store?.kind !== 'store' && !keepsRows(store))
        throw new TickerError(
          'TOPOLOGY_STORE_UNREADABLE',
          `${name}: it cannot read the table ${as} (${node})`,
        )
    }
  }
  for (const { name, store } of stores) {
    const isUsed = processors.some(({ inputs }) => inputs.some(({ node }) => node === name))
    if (!isUsed) throw new TickerError('TOPOLOGY_STORE_UNUSED', `no processor uses the store ${store}`)
  }
}

/** Whether a table has a store in which each key has one value. */
function keepsRows(table: GraphNode | undefined): boolean {
  switch (table?.kind) {
    case 'tableSource':
      return table.store.history === undefined
    case 'tableFilter':
    case 'tableMapValues':
    case 'tableJoin':
      return table.store !== undefined
    default:
      return table?.kind === 'aggregate' || table?.kind === 'groupedTableAggregate'
  }
}

function topicsReadBy(node: GraphNode): readonly string[] {
  if (node.kind === 'source') return node.topics
  return node.kind === 'globalTable' ? [node.topic] : []
}

/** Milliseconds for which a table's older versions can be looked up; undefined where it has none. */
function historyOf(table: GraphNode, byName: ReadonlyMap<string, GraphNode>): number | undefined {
  if (table.kind === 'tableSource') return table.store.history
  const isView =
    (table.kind === 'tableFilter' || table.kind === 'tableMapValues') && table.store === undefined
  return isView ? historyOf(byName.get(table.inputs[0]!.node)!, byName) : undefined
}

/** A join can only wait for as long as its table remembers. */
function checkGraces(graph: Graph): void {
  const byName = new Map(graph.nodes.map(node => [node.name, node]))
  for (const node of graph.nodes) {
    if (node.kind !== 'streamTableJoin' || node.wait === undefined) continue
    const history = historyOf(byName.get(node.inputs[1]!.node)!, byName)
    if (history !== undefined && history >= node.wait.grace) continue
    const remembers = history === undefined ? 'no older versions' : `versions of ${history} ms`
    throw new TickerError(
      'TOPOLOGY_JOIN_GRACE_INVALID',
      `${node.name} waits ${node.wait.grace} ms for a table that keeps ${remembers}`,
    )
  }
}

/** Checks what can be wrong with a whole topology. @throws TickerError with a TOPOLOGY_ code */
export function validate(graph: Graph): void {
  if (!graph.nodes.some(node => node.kind === 'source')) {
    throw new TickerError('TOPOLOGY_EMPTY', 'the topology reads no topic')
  }
  const names = new Set<string>()
  const stores = new Map<string, GraphNode>()
  const topics = new Set<string>()
  checkStores(graph)
  checkGraces(graph)
  for (const node of graph.nodes) {
    for (const topic of topicsReadBy(node)) {
      if (topics.has(topic))
        throw new TickerError('TOPOLOGY_SOURCE_TAKEN', `the topic ${topic} has two sources`)
      topics.add(topic)
    }
    checkName(node.name, node.kind)
    if (names.has(node.name))
      throw new TickerError('TOPOLOGY_NAME_TAKEN', `two operators are named ${node.name}`)
    names.add(node.name)
    for (const store of storesOf(node)) {
      checkName(store, 'store')
      if (stores.has(store)) throw new TickerError('TOPOLOGY_NAME_TAKEN', `two stores are named ${store}`)
      stores.set(store, node)
    }
    if (node.kind === 'collect' && node.endsKey !== undefined && node.clock !== 'perKey') {
      throw new TickerError(
        'TOPOLOGY_WINDOW_INVALID',
        `${node.name}: endsKey ends one key's time, so it needs clock: 'perKey'`,
      )
    }
  }
}
