/**
 * A topology as plain data: what the DSL builds and what the planner, describe(), the tasks and the console read.
 * Nodes are listed in the order of their declaration, parents before children.
 *
 * Functions are declared as methods here: that is where TypeScript lets a function over a stream's own type stand for
 * one over `unknown`. The DSL (`stream.ts`) holds the types; below it values are opaque.
 */
import { TickerError } from './errors.ts'
import type { Headers } from './log/log.ts'
import type { StreamRecord } from './record.ts'
import type { RecordedInput } from './recorded.ts'
import type { Serde } from './serde.ts'
import type { TimeWindows } from './windows.ts'

/** An edge's beginning: a node's output. Most nodes have one, `out`; a window also has `late`, a split its branches. */
export interface Output {
  readonly node: string
  readonly output: string
}

interface NodeBase {
  /** Unique in the topology. */
  readonly name: string
  readonly inputs: readonly Output[]
}

export interface SourceNode extends NodeBase {
  readonly kind: 'source'
  readonly topics: readonly string[]
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  timestamp?(value: unknown, record: StreamRecord, partitionTime: number): number
  validate?(value: unknown, record: StreamRecord): string | undefined
}

export interface FilterNode extends NodeBase {
  readonly kind: 'filter'
  predicate(value: unknown, key: unknown): boolean
}

export interface MapValuesNode extends NodeBase {
  readonly kind: 'mapValues'
  mapper(value: unknown, key: unknown): unknown
}

export interface FlatMapNode extends NodeBase {
  readonly kind: 'flatMap'
  mapper(value: unknown, key: unknown): Iterable<readonly [key: unknown, value: unknown]>
}

export interface FlatMapValuesNode extends NodeBase {
  readonly kind: 'flatMapValues'
  mapper(value: unknown, key: unknown): Iterable<unknown>
}

export interface PeekNode extends NodeBase {
  readonly kind: 'peek'
  action(value: unknown, key: unknown, timestamp: number, headers: Headers): void
}

export interface MergeNode extends NodeBase {
  readonly kind: 'merge'
}

export interface SplitNode extends NodeBase {
  readonly kind: 'split'
  readonly branches: readonly SplitBranch[]
}

export interface SplitBranch {
  readonly output: string
  predicate(value: unknown, key: unknown): boolean
}

export interface CollectNode extends NodeBase {
  readonly kind: 'collect'
  /** The store's name, from which its changelog topic is named. */
  readonly store: string
  readonly key: Serde<unknown>
  readonly windows: TimeWindows
  readonly clock: 'operator' | 'perKey'
  readonly fields: readonly string[]
  endsKey?(value: unknown): boolean
}

export interface MapBatchNode extends NodeBase {
  readonly kind: 'mapBatch'
  readonly maxBatch: number
  readonly timeout: number
  /** The store that holds the decisions of `recorded`, if there is one. */
  readonly recorded: RecordedInput<unknown> | undefined
  mapper(values: readonly unknown[], context: { readonly recorded: unknown }): Promise<readonly unknown[]>
}

/** A sink and a source in one: its input belongs to one sub-topology, what follows it to another. */
export interface RepartitionNode extends NodeBase {
  readonly kind: 'repartition'
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Of its topic; as many as its sub-topology has tasks, if absent. */
  readonly partitions: number | undefined
}

export interface SinkNode extends NodeBase {
  readonly kind: 'sink'
  /** Where it may write to; the only one, unless `topic` chooses. */
  readonly topics: readonly string[]
  topic?(value: unknown, key: unknown): string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

export type GraphNode =
  | SourceNode
  | FilterNode
  | MapValuesNode
  | FlatMapNode
  | FlatMapValuesNode
  | PeekNode
  | MergeNode
  | SplitNode
  | CollectNode
  | MapBatchNode
  | RepartitionNode
  | SinkNode

export interface Graph {
  readonly nodes: readonly GraphNode[]
}

/** The outputs a node may be followed at. */
export function outputsOf(node: GraphNode): readonly string[] {
  switch (node.kind) {
    case 'split':
      return node.branches.map(branch => branch.output)
    case 'collect':
      return ['out', 'late']
    case 'sink':
      return []
    default:
      return ['out']
  }
}

/** The store a node keeps, by name. */
export function storeOf(node: GraphNode): string | undefined {
  if (node.kind === 'collect') return node.store
  if (node.kind === 'mapBatch') return node.recorded?.name
  return undefined
}

const validName = /^[A-Za-z0-9._-]{1,200}$/

/** @throws TickerError TOPOLOGY_NAME_MISSING, TOPOLOGY_NAME_INVALID */
export function checkName(name: string, what: string): void {
  if (!name) throw new TickerError('TOPOLOGY_NAME_MISSING', `a ${what} has no name`)
  if (!validName.test(name))
    throw new TickerError('TOPOLOGY_NAME_INVALID', `${JSON.stringify(name)} cannot name a ${what}`)
}

/** Checks what can be wrong with a whole topology. @throws TickerError with a TOPOLOGY_ code */
export function validate(graph: Graph): void {
  if (!graph.nodes.some(node => node.kind === 'source')) {
    throw new TickerError('TOPOLOGY_EMPTY', 'the topology reads no topic')
  }
  const names = new Set<string>()
  const stores = new Map<string, GraphNode>()
  const topics = new Set<string>()
  for (const node of graph.nodes) {
    if (node.kind === 'source') {
      for (const topic of node.topics) {
        if (topics.has(topic))
          throw new TickerError('TOPOLOGY_SOURCE_TAKEN', `the topic ${topic} has two sources`)
        topics.add(topic)
      }
    }
    checkName(node.name, node.kind)
    if (names.has(node.name))
      throw new TickerError('TOPOLOGY_NAME_TAKEN', `two operators are named ${node.name}`)
    names.add(node.name)
    const store = storeOf(node)
    if (store !== undefined) {
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
