/**
 * What tables must do for what follows them: keep their contents, and tell the value before each change. Found out from
 * the whole graph, in the order of declaration, by Kafka Streams' rules: a table is asked only where somebody needs it,
 * and one that cannot answer by itself asks those it is made of.
 */
import { TickerError } from './errors.ts'
import type { GraphNode } from './graph.ts'

/** The nodes, with what is found out about each filled in. @throws TickerError TOPOLOGY_SUPPRESS_INVALID */
export function materialize(nodes: readonly GraphNode[]): readonly GraphNode[] {
  const byName = new Map(nodes.map(node => [node.name, node]))
  const input = (node: GraphNode, index: number): GraphNode => byName.get(node.inputs[index]!.node)!
  const stored = new Set<string>()
  const sending = new Set<string>()

  /** Makes a table's contents available by key. */
  const needContents = (node: GraphNode): void => {
    switch (node.kind) {
      case 'tableSource':
        stored.add(node.name)
        break
      case 'tableFilter':
      case 'tableMapValues':
      case 'tableJoin':
      case 'suppress':
        if (node.kind === 'suppress' || node.store === undefined)
          for (const i of node.inputs.keys()) needContents(input(node, i))
    }
  }

  /** Makes a table tell old values. False if it would have to be stored for that, and `force` is not given. */
  const needOldValues = (node: GraphNode, force: boolean): boolean => {
    if (!sending.has(node.name) && !canSend(node, force)) return false
    sending.add(node.name)
    return true
  }

  const canSend = (node: GraphNode, force: boolean): boolean => {
    switch (node.kind) {
      case 'tableSource':
        if (!force && !node.materialized && !stored.has(node.name)) return false
        stored.add(node.name)
        return true
      case 'tableFilter':
      case 'tableMapValues':
        return node.store !== undefined || needOldValues(input(node, 0), force)
      case 'suppress':
        return needOldValues(input(node, 0), force)
      case 'tableJoin':
        needOldValues(input(node, 0), true)
        return needOldValues(input(node, 1), true)
      default:
        return true // an aggregate has its old value at hand
    }
  }

  const holdsVersions = (node: GraphNode): boolean => {
    switch (node.kind) {
      case 'tableSource':
        return node.store.history !== undefined
      case 'tableFilter':
      case 'tableMapValues':
        return node.store === undefined && holdsVersions(input(node, 0))
      default:
        return false
    }
  }

  for (const node of nodes) {
    switch (node.kind) {
      case 'tableFilter':
        // With the old value at hand a filter need not delete what was not there.
        if (needOldValues(input(node, 0), false)) sending.add(node.name)
        break
      case 'streamTableJoin':
        needContents(input(node, 1))
        break
      case 'process':
      case 'processValues':
        for (const { node: store } of Object.values(node.stores)) {
          if (byName.get(store)?.kind === 'tableSource') stored.add(store)
        }
        break
      case 'suppress':
        if (holdsVersions(input(node, 0)))
          throw new TickerError(
            'TOPOLOGY_SUPPRESS_INVALID',
            `${node.name}: the table before it is of versions`,
          )
        // Until an update comes out, those after it see the value before.
        needOldValues(input(node, 0), true)
        break
      case 'tableGroupBy':
      case 'foreignKeySubscribe':
        needOldValues(input(node, 0), true)
        break
      case 'foreignKeyLookup':
        needOldValues(input(node, 1), true)
        needContents(input(node, 1))
        break
      case 'foreignKeyJoin':
        needContents(input(node, 1))
        break
      case 'tableJoin':
        if (node.keepsLeft) needOldValues(input(node, 0), true)
        if (node.keepsRight) needOldValues(input(node, 1), true)
        needContents(input(node, 0))
        needContents(input(node, 1))
        break
    }
  }

  return nodes.map(node => {
    const sendsOldValues = sending.has(node.name)
    switch (node.kind) {
      case 'tableSource':
        return { ...node, sendsOldValues, materialized: node.materialized || stored.has(node.name) }
      case 'tableFilter':
        return { ...node, sendsOldValues, ofVersions: holdsVersions(input(node, 0)) }
      default:
        return sendsOldValues ? { ...node, sendsOldValues } : node
    }
  })
}
