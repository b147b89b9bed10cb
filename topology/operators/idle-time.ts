/**
 * Idle time: closes the windows of a clock for which nothing comes any more. Such a clock stands still, and with it what it
 * would close; so once nothing has come for `wait` milliseconds it goes on with the time that passes:
 *
 *     idle time = greatest timestamp − wait + time passed since it came
 *
 * A clock behind its idle time is moved to it, if that closes a window. The input does not say when that was, so each move
 * is recorded, with the input positions from which it holds; and since the clock is state, a restart finds it moved.
 *
 * What has not been read yet is not silence: see caught-up.ts for the time up to which silence is known.
 */
import type { StoreChange } from '../../state/store.ts'
import type { CommittedOffset } from '../log/log.ts'
import { type CollectNode, idleStore, type WindowAggregateNode } from '../nodes/aggregations.ts'
import type { Timers } from '../timers.ts'
import type { BuildContext, TaskStateStore } from './context.ts'

/** Moves of one operator's clocks that are kept; an older one is overwritten. */
const KEPT = 100_000

/** A windowed operator's clocks, as idle time moves them. `C` is what the operator knows one by. */
export interface MovableClocks<C> {
  /** Whether a window of it holds something and is not closed. */
  isOpen(clock: C): boolean
  /** Whether a window closes if it is moved to this time. */
  closes(clock: C, time: number): boolean
  move(clock: C, time: number): void
  /** Those that the operator has when its stores are restored. */
  found(): Iterable<{ readonly id: string; readonly clock: C; readonly time: number }>
}

/** Given to an operator whose clocks go on by themselves. */
export type MakeIdleTime = <C>(clocks: MovableClocks<C>) => IdleTime<C>

interface Heard<C> {
  readonly clock: C
  /** The greatest timestamp. */
  time: number
  /** On the wall, when the last record came. */
  at: number
}

export interface IdleTimeOptions {
  /** Milliseconds. */
  readonly wait: number
  readonly decisions: IdleDecisions
  readonly timers: Timers
  /** Of the task's next records. */
  readonly positions: () => readonly CommittedOffset[]
}

export class IdleTime<C> {
  readonly #options: IdleTimeOptions
  readonly #clocks: MovableClocks<C>
  /** By the clock's id, the longest silent first. */
  readonly #heard = new Map<string, Heard<C>>()

  constructor(options: IdleTimeOptions, clocks: MovableClocks<C>) {
    this.#options = options
    this.#clocks = clocks
  }

  /** To be called when the stores are restored: silence begins now. */
  start(): void {
    for (const { id, clock, time } of this.#clocks.found()) this.heard(id, clock, time)
  }

  /** Notes a record of this clock. */
  heard(id: string, clock: C, timestamp: number): void {
    const time = Math.max(timestamp, this.#heard.get(id)?.time ?? timestamp)
    this.#heard.delete(id)
    this.#heard.set(id, { clock, time, at: this.#options.timers.now() })
  }

  /** Moves what is behind its idle time, as it is known up to this time on the wall. Answers with how many moved. */
  advance(upTo: number): number {
    const { wait, decisions, positions } = this.#options
    let moved = 0
    for (const [id, { clock, time, at }] of this.#heard) {
      const passed = upTo - at
      if (passed <= wait) break
      const idle = time - wait + passed
      if (!this.#clocks.isOpen(clock)) this.#heard.delete(id)
      else if (this.#clocks.closes(clock, idle)) {
        decisions.record({ clock: id, time: idle, from: positions() })
        this.#clocks.move(clock, idle)
        moved++
      }
    }
    return moved
  }
}

/** A move: from these input positions on the clock stands at this time. */
export interface IdleDecision {
  /** A byte string. */
  readonly clock: string
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly from: readonly CommittedOffset[]
}

/** Makes what an operator's clocks need to go on by themselves, if they do. */
export function idleTime(
  node: CollectNode | WindowAggregateNode,
  { stores, idle, timers, positions }: BuildContext,
): MakeIdleTime | undefined {
  const { idle: wait } = node
  if (wait === undefined) return undefined
  const decisions = new IdleDecisions(idleStore(node))
  stores.push(decisions)
  return clocks => {
    const made = new IdleTime({ wait, decisions, timers, positions }, clocks)
    idle.push(made)
    return made
  }
}

/** Persisted: the move's number modulo how many are kept, as uint32 → the number and the move, as JSON. */
export class IdleDecisions implements TaskStateStore {
  readonly name: string
  readonly layout = 'idle-1'
  #count = 0
  #changes: StoreChange[] = []

  constructor(name: string) {
    this.name = name
  }

  record({ clock, time, from }: IdleDecision): void {
    const number = this.#count++
    const key = Buffer.allocUnsafe(4)
    key.writeUInt32BE(number % KEPT)
    const positions = from.map(({ topic, partition, position }) => ({ topic, partition, position }))
    const bytes = Buffer.from(clock, 'latin1').toString('base64')
    this.#changes.push({
      key,
      value: Buffer.from(JSON.stringify({ number, clock: bytes, time, from: positions })),
    })
  }

  load(_: Buffer, value: Buffer): void {
    const { number }: { number: number } = JSON.parse(value.toString('utf8'))
    this.#count = Math.max(this.#count, number + 1)
  }

  takeChanges(): StoreChange[] {
    const changes = this.#changes
    this.#changes = []
    return changes
  }
}
