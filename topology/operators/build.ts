/** Makes the operators of one task from the nodes of its sub-topology, connected as the graph says. */

import { WindowStore } from '../../state/index.ts'
import { UnmatchedStore } from '../../state/unmatched-store.ts'
import type { TableView } from '../change.ts'
import { TaskClocks } from '../clocks.ts'
import { type GraphNode, outputsOf } from '../graph.ts'
import type { CommittedOffset } from '../log/log.ts'
import type { CollectNode } from '../nodes/aggregations.ts'
import { type StreamJoinNode, type StreamTableJoinNode, storesOfStreamJoin } from '../nodes/joins.ts'
import type { ProcessNode, ProcessValuesNode } from '../nodes/processors.ts'
import type { MapBatchNode } from '../nodes/streams.ts'
import { repartitionTopic, type SubTopology } from '../plan.ts'
import type { StreamRecord } from '../record.ts'
import { DecisionStore } from '../recorded.ts'
import type { Timers } from '../timers.ts'
import type { WindowSamples } from '../windows.ts'
import { buildTable } from './build-tables.ts'
import { buildWindowAggregate } from './build-windows.ts'
import { type ClosedWindow, closedWindows } from './closed-windows.ts'
import { collect, keyIdOfBytes, paneStore } from './collect.ts'
import type { BuildContext, Built } from './context.ts'
import { globalJoin } from './global-join.ts'
import { idleTime } from './idle-time.ts'
import { mapBatch } from './map-batch.ts'
import { type Collector, OutputPort } from './operator.ts'
import { process } from './process.ts'
import type { CacheBudget } from './record-cache.ts'
import { repartition, sink } from './sink.ts'
import { joinRetention, streamStreamJoin } from './stream-stream-join.ts'
import { joinBuffer, streamTableJoin } from './stream-table-join.ts'
import { filter, flatMap, flatMapValues, mapValues, merge, peek, split } from './streams.ts'

export type Operators = Pick<
  BuildContext,
  | 'sources'
  | 'asynchronous'
  | 'caches'
  | 'idle'
  | 'stores'
  | 'clocks'
  | 'onStart'
  | 'decisions'
  | 'counts'
  | 'tables'
> & { readonly ports: readonly OutputPort[] }

export function buildOperators(
  part: SubTopology,
  options: {
    applicationId: string
    collector: Collector
    timers: Timers
    /** The contents of global tables, by their node. */
    globals: ReadonlyMap<string, TableView>
    cacheBudget?: CacheBudget | undefined
    /** Of the task's next records. */
    positions: () => readonly CommittedOffset[]
    passesOver: BuildContext['passesOver']
  },
): Operators {
  const ports = new Map<string, Map<string, OutputPort>>()
  const context: BuildContext = {
    ...options,
    cacheBudget: options.cacheBudget,
    part,
    counts: { closed: 0, keyless: 0 },
    sources: new Map(),
    asynchronous: [],
    stores: [],
    shared: new Map(),
    clocks: new TaskClocks(),
    onStart: [],
    decisions: [],
    tables: new Map(options.globals),
    told: new Map(),
    caches: [],
    idle: [],
    port: (node, output = 'out') => ports.get(node)!.get(output)!,
  }
  for (const node of part.nodes) {
    ports.set(node.name, new Map(outputsOf(node).map(output => [output, new OutputPort(node.name, output)])))
    const operators = build(node, context)
    for (const [i, input] of node.inputs.entries()) {
      const operator = operators[i] ?? operators[0]
      if (operator !== undefined) ports.get(input.node)?.get(input.output)?.connect(operator, node.name)
    }
  }
  const { clocks } = context
  if (part.clocks !== undefined) {
    context.stores.push({
      name: part.clocks,
      layout: clocks.layout,
      load: (key, value) => clocks.load(key, value),
      takeChanges: () => clocks.takeChanges(),
    })
  }
  return { ...context, ports: [...ports.values()].flatMap(outputs => [...outputs.values()]) }
}

function build(node: GraphNode, context: BuildContext): Built {
  const out = (): OutputPort => context.port(node.name)
  switch (node.kind) {
    case 'source':
      for (const topic of node.topics) context.sources.set(topic, { node, out: out() })
      return []
    case 'repartition': {
      const topic = repartitionTopic(context.applicationId, node)
      if (context.part.sources.includes(node)) context.sources.set(topic, { node, out: out() })
      if (!context.part.sinks.includes(node)) return []
      return [
        repartition(node, {
          collector: context.collector,
          topic,
          keepsNullKeys: context.part.nullKeyRepartitions.has(node.name),
        }),
      ]
    }
    case 'sink':
      return [sink(node, context.collector)]
    case 'aggregate':
    case 'foreignKeyJoin':
    case 'foreignKeyLookup':
    case 'foreignKeySubscribe':
    case 'groupedTableAggregate':
    case 'tableFilter':
    case 'tableGroupBy':
    case 'tableJoin':
    case 'tableMapValues':
    case 'suppress':
    case 'tableSource':
    case 'tableToStream':
      return buildTable(node, context)
    case 'filter':
      return [filter(node, out())]
    case 'mapValues':
      return [mapValues(node, out())]
    case 'flatMap':
      return [flatMap(node, out())]
    case 'flatMapValues':
      return [flatMapValues(node, out())]
    case 'peek':
      return [peek(node, out())]
    case 'named':
    case 'merge':
      return [merge(out())]
    case 'split':
      return [split(node, output => context.port(node.name, output))]
    case 'mapBatch':
      return [buildMapBatch(node, context)]
    case 'process':
    case 'processValues':
      return buildProcess(node, context)
    case 'store': {
      const store = node.make(node.store)
      context.shared.set(node.name, store)
      context.stores.push(store)
      return []
    }
    case 'collect':
      return [buildCollect(node, context)]
    case 'windowAggregate':
      return buildWindowAggregate(node, context)
    case 'streamJoin':
      return buildStreamJoin(node, context)
    case 'streamTableJoin':
      return buildStreamTableJoin(node, context)
    case 'globalJoin':
      return [
        globalJoin(node, { table: context.tables.get(node.table)!, out: out(), counts: context.counts }),
      ]
    case 'globalTable':
      return []
  }
}

function buildMapBatch(node: MapBatchNode, context: BuildContext): Built[number] {
  const decided = node.recorded && new DecisionStore(node.recorded)
  if (decided !== undefined) {
    context.decisions.push(decided)
    context.stores.push(decided)
  }
  const operator = mapBatch(node, {
    out: context.port(node.name),
    timers: context.timers,
    recorded: () => decided?.current,
  })
  context.asynchronous.push(operator)
  return operator
}

function buildProcess(node: ProcessNode | ProcessValuesNode, context: BuildContext): Built {
  const { clocks, timers, shared } = context
  const stores = Object.fromEntries(
    Object.entries(node.stores).map(([name, store]) => [name, shared.get(store.node)]),
  )
  const operator = process(node, { out: context.port(node.name), clocks, timers, stores })
  context.onStart.push(() => operator.start())
  // A table that it reads has updates, which are not for it.
  return [operator, ...node.inputs.slice(1).map(() => ({ process: () => {} }))]
}

function buildCollect(node: CollectNode, context: BuildContext): Built[number] {
  const store = paneStore(node)
  context.stores.push({
    name: node.store,
    layout: store.layout,
    load: (key, value) => store.load(key, value, bytes => keyIdOfBytes(node, bytes)),
    takeChanges: () => store.takeChanges(),
  })
  const windowOf = ({ key, value }: StreamRecord): ClosedWindow => {
    const { start, end } = value as WindowSamples<string> // what `collect` hands on
    return { operator: node.name, key: node.key.serialize(key), start, end }
  }
  const out = closedWindows(context.port(node.name), windowOf, context)
  const late = context.port(node.name, 'late')
  return collect(node, { store, out, late, counts: context.counts, idle: idleTime(node, context) })
}

function buildStreamJoin(node: StreamJoinNode, context: BuildContext): Built {
  const names = storesOfStreamJoin(node)
  const buffer = { key: node.key, retention: joinRetention(node), retainDuplicates: true }
  const left = new WindowStore({ ...buffer, name: names.left, value: node.left })
  const right = new WindowStore({ ...buffer, name: names.right, value: node.right })
  const unmatched =
    names.unmatched === undefined
      ? undefined
      : new UnmatchedStore({ name: names.unmatched, key: node.key, left: node.left, right: node.right })
  context.stores.push(left, right, ...(unmatched === undefined ? [] : [unmatched]))
  return streamStreamJoin(node, {
    left,
    right,
    unmatched,
    out: context.port(node.name),
    counts: context.counts,
  })
}

function buildStreamTableJoin(node: StreamTableJoinNode, context: BuildContext): Built {
  const buffer = node.wait && joinBuffer(node.wait)
  if (buffer !== undefined) context.stores.push(buffer)
  const table = context.tables.get(node.inputs[1]!.node)!
  return streamTableJoin(node, { table, buffer, out: context.port(node.name), counts: context.counts })
}
