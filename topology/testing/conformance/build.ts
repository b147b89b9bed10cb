/** From the nodes of a case to a topology, one call of the DSL per node. */
import { type SourceOptions, TopologyBuilder } from '../../builder.ts'
import type { Graph } from '../../graph.ts'
import { aggregations } from './aggregations.ts'
import type { Case, CaseNode, NodeOf } from './case.ts'
import {
  type Build,
  type BuildContext,
  handles,
  only,
  type StreamHandle,
  type TopicTypes,
} from './context.ts'
import { CaseError } from './functions/named.ts'
import { childName } from './functions/processors.ts'
import { joinOperators } from './join-operators.ts'
import { operators, readStores } from './operators.ts'
import { processorOperators } from './processor-operators.ts'
import { streamOperators } from './stream-operators.ts'
import { tableOperators } from './table-operators.ts'
import { type Key, type KeyType, keySerde, type Value, valueSerde } from './values.ts'
import { windowOperators } from './window-operators.ts'

/** The engine has no such operator yet. */
export class UnsupportedOperator extends Error {
  override readonly name = 'UnsupportedOperator'
  readonly operator: string

  constructor(operator: string) {
    super(`unsupported op ${operator}`)
    this.operator = operator
  }
}

export interface Built {
  readonly graph: Graph
  /** The topics it writes. */
  readonly sinks: ReadonlyMap<string, TopicTypes>
}

/** Ops of the language whose operator this runner can build, by the name that operators.ts gives them. */
const builds = new Map<string, Build>([
  ['stream', only('stream', buildSource)],
  ...Object.entries(streamOperators),
  ...Object.entries(joinOperators),
  ...Object.entries(tableOperators),
  ...Object.entries(aggregations),
  ...Object.entries(windowOperators),
  ...Object.entries(processorOperators),
])

/** Ops whose operators the DSL gives no name: one that the case gives them is checked all the same. */
const namelessOps: ReadonlySet<CaseNode['op']> = new Set([
  ...(['filter', 'filterNot', 'mapValues', 'map', 'selectKey', 'flatMap', 'flatMapValues'] as const),
  ...(['peek', 'merge', 'toStream', 'stream'] as const),
])

export function isSupported(operator: string): boolean {
  return operator === readStores || builds.has(operator)
}

/**
 * @param note is called with what peek and foreach see
 * @throws UnsupportedOperator, CaseError; TickerError if the engine refuses the topology
 */
export function build(each: Case, note: (log: string, key: Key, value: Value) => void): Built {
  const builder = new TopologyBuilder()
  const streams = new Map<string, StreamHandle>()
  const shared: BuildContext['shared'] = new Map()
  const sinks = new Map<string, TopicTypes>()
  const kinds: Pick<
    BuildContext,
    'tables' | 'globalTables' | 'grouped' | 'groupedTables' | 'cogrouped' | 'windowed'
  > = {
    tables: handles('table'),
    globalTables: handles('global table'),
    grouped: handles('grouped stream'),
    groupedTables: handles('grouped table'),
    cogrouped: handles('cogroup'),
    windowed: handles('window'),
  }
  // Those that may forward to a child by its name.
  const routes = new Set(
    each.nodes.flatMap(node => (node.op === 'process' && node.fn.startsWith('route:') ? [node.id] : [])),
  )
  for (const [index, { node, operator }] of operators(each).entries()) {
    const make = builds.get(operator)
    if (make === undefined) throw new UnsupportedOperator(operator)
    make(node, {
      ...kinds,
      builder,
      shared,
      name: node.name ?? `${node.op}-${index}`,
      note,
      stream: id => {
        const handle = streams.get(id)
        if (handle === undefined) throw new CaseError(`${id} is no stream`)
        if (node.name === undefined || !routes.has(id)) return handle
        return { ...handle, stream: handle.stream.named(childName(node.name)) }
      },
      define: (id, handle) => {
        const isNamed = node.name !== undefined && namelessOps.has(node.op)
        streams.set(id, isNamed ? { ...handle, stream: handle.stream.named(node.name!) } : handle)
      },
      sink: (topic, types) => void sinks.set(topic, types),
    })
  }
  return { graph: builder.build({ optimize: each.config.optimize }), sinks }
}

function buildSource(node: NodeOf<'stream'>, { builder, define }: BuildContext): void {
  const key: KeyType = { inner: node.key, windowed: false }
  const options: SourceOptions<NonNullable<Key>, NonNullable<Value>> = {
    key: keySerde(key),
    value: valueSerde(node.value),
    timestamp: timestampExtractor(node),
  }
  const topics = node.topics ?? (node.topic === undefined ? [] : [node.topic])
  define(node.id, { stream: builder.stream(topics, options), key, value: node.value })
}

function timestampExtractor(
  node: NodeOf<'stream'>,
): SourceOptions<NonNullable<Key>, NonNullable<Value>>['timestamp'] {
  switch (node.timestampExtractor) {
    case 'value':
      return {
        extract: (value, _, partitionTime) => (value === null ? partitionTime : Number(value)),
      }
    case 'partitionTime':
      return { extract: (_, record, partitionTime) => Math.max(record.timestamp, partitionTime) }
    default:
      return undefined
  }
}
