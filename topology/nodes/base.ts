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
