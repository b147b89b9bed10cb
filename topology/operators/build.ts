/** Makes the operators of one task from the nodes of its sub-topology, connected as the graph says. */
import type { PaneStore } from '../../state/pane-store.ts'
import type { GraphNode, RepartitionNode, SourceNode } from '../graph.ts'
import { outputsOf } from '../graph.ts'
import { repartitionTopic, type SubTopology } from '../plan.ts'
import { DecisionStore } from '../recorded.ts'
import type { Timers } from '../timers.ts'
import { type CollectCounts, collect, keyIdOfBytes, paneStore } from './collect.ts'
import { mapBatch } from './map-batch.ts'
import { type AsyncOperator, type Collector, type Operator, OutputPort } from './operator.ts'
import { repartition, sink } from './sink.ts'
import { filter, flatMap, flatMapValues, mapValues, merge, peek, split } from './stateless.ts'

/** A store as the task sees it: filled entry by entry on restore, and giving up its changes at a commit. */
export interface TaskStateStore {
  readonly name: string
  readonly layout: string
  load(key: Buffer, value: Buffer): void
  takeChanges(): { readonly key: Buffer; readonly value: Buffer | null }[]
}

/** Where an input topic's records enter. */
export interface InputNode {
  readonly node: SourceNode | RepartitionNode
  readonly out: OutputPort
}

export interface Operators {
  /** By topic. */
  readonly sources: ReadonlyMap<string, InputNode>
  /** Parents before children: draining them in this order empties them all. */
  readonly asynchronous: readonly AsyncOperator[]
  readonly stores: readonly TaskStateStore[]
  readonly decisions: readonly DecisionStore<unknown>[]
  readonly ports: readonly OutputPort[]
  readonly counts: CollectCounts
}

export function buildOperators(
  part: SubTopology,
  options: { applicationId: string; collector: Collector; timers: Timers },
): Operators {
  const ports = new Map<string, Map<string, OutputPort>>()
  const sources = new Map<string, InputNode>()
  const asynchronous: AsyncOperator[] = []
  const stores: TaskStateStore[] = []
  const decisions: DecisionStore<unknown>[] = []
  const counts: CollectCounts = { closed: 0, keyless: 0 }

  const make = (node: GraphNode, outputs: ReadonlyMap<string, OutputPort>): Operator | undefined => {
    const port = (name: string): OutputPort => outputs.get(name)!
    switch (node.kind) {
      case 'source':
        for (const topic of node.topics) sources.set(topic, { node, out: port('out') })
        return undefined
      case 'filter':
        return filter(node, port('out'))
      case 'mapValues':
        return mapValues(node, port('out'))
      case 'flatMap':
        return flatMap(node, port('out'))
      case 'flatMapValues':
        return flatMapValues(node, port('out'))
      case 'peek':
        return peek(node, port('out'))
      case 'merge':
        return merge(node, port('out'))
      case 'split':
        return split(node, outputs)
      case 'collect': {
        const store = paneStore(node)
        stores.push(asTaskStore(node.store, store, bytes => keyIdOfBytes(node, bytes)))
        return collect(node, { store, out: port('out'), late: port('late'), counts })
      }
      case 'mapBatch': {
        const decided = node.recorded && new DecisionStore(node.recorded)
        if (decided !== undefined) {
          decisions.push(decided)
          stores.push(decided)
        }
        const operator = mapBatch(node, {
          out: port('out'),
          timers: options.timers,
          recorded: () => decided?.current,
        })
        asynchronous.push(operator)
        return operator
      }
      case 'repartition': {
        const topic = repartitionTopic(options.applicationId, node)
        if (part.sources.includes(node)) sources.set(topic, { node, out: port('out') })
        if (!part.sinks.includes(node)) return undefined
        return repartition(node, { collector: options.collector, topic, keepsNullKeys: false })
      }
      case 'sink':
        return sink(node, options.collector)
    }
  }

  for (const node of part.nodes) {
    const outputs = new Map(outputsOf(node).map(output => [output, new OutputPort(node.name, output)]))
    ports.set(node.name, outputs)
    const operator = make(node, outputs)
    if (operator === undefined) continue
    for (const input of node.inputs) ports.get(input.node)!.get(input.output)!.connect(operator)
  }
  return {
    sources,
    asynchronous,
    stores,
    decisions,
    ports: [...ports.values()].flatMap(outputs => [...outputs.values()]),
    counts,
  }
}

function asTaskStore(name: string, store: PaneStore, id: (keyBytes: Buffer) => string): TaskStateStore {
  return {
    name,
    layout: store.layout,
    load: (key, value) => store.load(key, value, id),
    takeChanges: () => store.takeChanges(),
  }
}
