/**
 * The clocks of a windowed operator: the greatest event time of each of its inputs or, with a clock per key, of each key.
 * They say which windows are closed, so they are kept in the store with the windows: without them a restart would close
 * one twice.
 */
import { byteString } from '../../state/coder.ts'
import type { WindowAggregateNode } from '../nodes/aggregations.ts'

/** Before the first record. */
export const NEVER = Number.NEGATIVE_INFINITY
export const FOREVER = Number.POSITIVE_INFINITY

/** One of an operator's clocks. */
export interface WindowClock {
  /** A byte string. */
  readonly name: string
  /** Whose it is; undefined where it is one input's. */
  readonly key: unknown
}

/** How a clock stood before a record, and stands now. */
export interface Advance {
  readonly before: number
  readonly now: number
}

export class WindowClocks {
  readonly #node: Pick<WindowAggregateNode, 'clock' | 'key' | 'adders'>
  readonly #store: { raiseClock(name: string, time: number): number }
  readonly #ofInputs: readonly WindowClock[]

  constructor(
    node: Pick<WindowAggregateNode, 'clock' | 'key' | 'adders'>,
    store: { raiseClock(name: string, time: number): number },
  ) {
    this.#node = node
    this.#store = store
    this.#ofInputs = node.adders.map((_, input) => ({ name: `input ${input}`, key: undefined }))
  }

  /** The clock that counts for a key's records from this input. */
  of(key: unknown, input: number): WindowClock {
    return this.#node.clock === 'perKey'
      ? { name: `key ${byteString(this.#node.key.serialize(key))}`, key }
      : this.#ofInputs[input]!
  }

  now(clock: WindowClock): number {
    return this.#store.raiseClock(clock.name, NEVER)
  }

  /** Those of these keys, or of the operator's inputs, that are set. */
  *found(keys: readonly unknown[]): Generator<{ id: string; clock: WindowClock; time: number }> {
    const clocks = this.#node.clock === 'perKey' ? keys.map(key => this.of(key, 0)) : this.#ofInputs
    for (const each of clocks) yield { id: each.name, clock: each, time: this.now(each) }
  }

  /** A time before its own does not move it. */
  advance(clock: WindowClock, time: number): Advance {
    const before = this.#store.raiseClock(clock.name, time)
    return { before, now: Math.max(before, time) }
  }
}
