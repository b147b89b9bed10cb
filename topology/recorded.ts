/**
 * Recorded decisions: facts that the input log does not determine (which model to use, say) and that a replay must
 * find again. A task takes a new value between two commits and writes it, with the input positions from which it
 * holds, to a store of its own in the same transaction as the first results that depend on it. A restart goes on with
 * the value recorded; a replay follows the record.
 */

import { z } from 'zod'
import type { StoreChange } from '../state/store.ts'
import { jsonIn } from './headers.ts'
import type { CommittedOffset } from './log/log.ts'
import type { Serde } from './serde.ts'

/**
 * What a task takes a decision about, for `mapBatch`: its function is told the value in force. Creates the store `name`, with
 * its changelog topic, in which the decisions stand with the positions from which they hold.
 *
 * @example
 * ```ts
 * let newest = 'model 1'
 * builder
 *   .stream('windows', { key: string, value: string })
 *   .mapBatch('score', async (windows, { recorded }) => windows.map(each => `${each} by ${recorded}`), {
 *     recorded: {
 *       name: 'release',
 *       value: string,
 *       offer: () => newest,
 *       prepare: async model => console.log('loads', model),
 *     },
 *   })
 *   .forEach(score => console.log(score))
 *
 * const driver = await TopologyTestDriver.start(builder.build())
 * await driver.pipe('windows', { key: 'anna', value: 'walking', timestamp: 0 })
 * newest = 'model 2' // is taken between two commits
 * await driver.commit()
 * await driver.pipe('windows', { key: 'anna', value: 'running', timestamp: 1 })
 * // → loads model 1
 * // → walking by model 1
 * // → loads model 2
 * // → running by model 2
 * ```
 */
export interface RecordedInput<T> {
  /** Names its store and changelog topic. */
  readonly name: string
  readonly value: Serde<T>
  /** The value that should hold now. Called between commits; returning the same value as before is the usual case. */
  offer(): T
  /** Makes a value ready for use (loads the model, say), before it is taken and also when it is found again after a restart. */
  prepare(value: T): Promise<void>
}

/** One decision, as it stands in the store. */
export interface Decision<T> {
  readonly value: T
  /** The task's input positions from which it holds. */
  readonly from: readonly CommittedOffset[]
}

/** A task's decisions of one recorded input. The key is the decision's number, so that none is compacted away. */
export class DecisionStore<T> {
  /** Changes when the bytes change. */
  readonly layout: string
  readonly #input: RecordedInput<T>
  #offer: () => T
  #current: { value: T; bytes: Buffer } | undefined
  #count = 0
  #changes: StoreChange[] = []

  constructor(input: RecordedInput<T>) {
    this.#input = input
    this.#offer = () => input.offer()
    this.layout = `decisions-1:${input.value.name}`
  }

  get name(): string {
    return this.#input.name
  }

  /** How its values are written. */
  get value(): Serde<T> {
    return this.#input.value
  }

  /** The value in force. @throws when none was taken yet: `decide` comes before the first record. */
  get current(): T {
    if (this.#current === undefined) throw new Error(`no decision was taken for ${this.#input.name}`)
    return this.#current.value
  }

  load(key: Buffer, value: Buffer): void {
    this.#count = key.readUInt32BE() + 1
    const { bytes } = decodeDecision(value)
    this.#current = { value: this.#input.value.deserialize(bytes), bytes }
  }

  /** From now on decides for what it is told here instead of what is offered: a replay follows the record. */
  follow(offer: () => T): void {
    this.#offer = offer
  }

  /** After loading: makes the value found ready. */
  async restored(): Promise<void> {
    if (this.#current !== undefined) await this.#input.prepare(this.#current.value)
  }

  /**
   * Takes what is offered now, if it differs from what holds. To be called between two commits, when no result is
   * under way, with the positions of the next records; answers with the decision taken.
   */
  async decide(from: readonly CommittedOffset[]): Promise<Decision<T> | undefined> {
    const value = this.#offer()
    const bytes = this.#input.value.serialize(value)
    if (this.#current?.bytes.equals(bytes)) return undefined
    await this.#input.prepare(value)
    this.#current = { value, bytes }
    const key = Buffer.allocUnsafe(4)
    key.writeUInt32BE(this.#count++)
    const positions = from.map(({ topic, partition, position }) => ({ topic, partition, position }))
    this.#changes.push({
      key,
      value: Buffer.from(JSON.stringify({ from: positions, value: bytes.toString('base64') }), 'utf8'),
    })
    return { value, from }
  }

  takeChanges(): StoreChange[] {
    const changes = this.#changes
    this.#changes = []
    return changes
  }
}

const decision = z.object({
  from: z
    .array(z.object({ topic: z.string(), partition: z.int(), position: z.int().nonnegative() }))
    .default([]),
  value: z.base64(),
})

/** A decision's value in the changelog. @throws TickerError LOG_CORRUPT */
export function decodeDecision(value: Buffer): {
  readonly bytes: Buffer
  readonly from: readonly CommittedOffset[]
} {
  const stored = jsonIn(value, decision, 'a recorded decision')
  return { bytes: Buffer.from(stored.value, 'base64'), from: stored.from }
}
