/** An edge's beginning: a node's output. Most nodes have one, `out`; a window also has `late`, a split its branches. */
export interface Output {
  readonly node: string
  readonly output: string
}

export interface NodeBase {
  /** Unique in the topology. */
  readonly name: string
  readonly inputs: readonly Output[]
}

/** A node whose output is a table's changes. */
export interface TableNodeBase extends NodeBase {
  /** Whether its changes carry the value before them; found out when the topology is built (materialization.ts). */
  readonly sendsOldValues?: boolean
}
