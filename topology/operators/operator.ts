/** The code a record flows through. One operator per node of the graph and task; `build.ts` makes them. */
import type { Headers } from '../log/log.ts'
import type { StreamRecord } from '../record.ts'
import type { ClosedWindow } from './closed-windows.ts'

export interface Operator {
  /** Takes one record and, during the call, hands on what follows from it. */
  process(record: StreamRecord): void
}

/** An operator that works asynchronously on what it was given. The task drains it before a commit. */
export interface AsyncOperator extends Operator {
  /** Records taken in and not yet handed on. */
  readonly pending: number
  /** Whether it must be relieved before it is given more. */
  readonly full: boolean
  /** Milliseconds that it may take for a result, with all attempts. */
  readonly patience: number
  /** Hands on what is ready, in order. @throws what a call failed with */
  handOn(): void
  /** Nothing more comes for now: it begins what it would otherwise gather for, unless something is under way. */
  begin(): void
  /** Waits for what stands in the way, and hands it on. */
  relieve(): Promise<void>
  /** Hands on everything it holds. */
  drain(): Promise<void>
  /** Nobody waits for its results any more: it waits for nothing either. */
  close(): void
}

/** Where an operator hands on its records. */
export interface Downstream {
  forward(record: StreamRecord): void
}

/** That an operator threw, which one, and what: `cause`; and on the result of which window, if it was one. */
export class OperatorFailure extends Error {
  readonly operator: string
  readonly window: ClosedWindow | undefined
  constructor(operator: string, cause: unknown, window?: ClosedWindow) {
    super(`${operator} threw`, { cause })
    this.name = 'OperatorFailure'
    this.operator = operator
    this.window = window
  }
}

/** The innermost operator is to blame: those above it only handed the record on. */
function blamed(operator: string, error: unknown): OperatorFailure {
  return error instanceof OperatorFailure ? error : new OperatorFailure(operator, error)
}

/** One output of a node: the operators that follow, in order of their declaration, and how many records passed. */
export class OutputPort implements Downstream {
  readonly node: string
  readonly output: string
  count = 0
  readonly #followers: Operator[] = []
  /** Of the nodes of the followers. */
  readonly #names: string[] = []

  constructor(node: string, output: string) {
    this.node = node
    this.output = output
  }

  connect(follower: Operator, name: string): void {
    this.#followers.push(follower)
    this.#names.push(name)
  }

  /** @throws OperatorFailure */
  forward(record: StreamRecord): void {
    this.count++
    let i = 0
    try {
      for (; i < this.#followers.length; i++) this.#followers[i]!.process(record)
    } catch (error) {
      throw blamed(this.#names[i] ?? this.node, error)
    }
  }

  /** To the follower of this name only; false if there is none. */
  forwardTo(name: string, record: StreamRecord): boolean {
    const named = this.#followers.filter((_, i) => this.#names[i] === name)
    if (named.length > 0) this.count++
    try {
      for (const follower of named) follower.process(record)
    } catch (error) {
      throw blamed(name, error)
    }
    return named.length > 0
  }
}

/** Where sinks put records; they are sent at the next commit. */
export interface Collector {
  /** @param partitionKey by which the partition is chosen, if not by the key */
  collect(
    topic: string,
    key: Buffer | null,
    value: Buffer | null,
    timestamp: number,
    headers: Headers,
    partitionKey?: Buffer | null,
  ): void
}
