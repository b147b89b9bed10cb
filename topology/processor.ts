/**
 * The processor API (Kafka Streams' PAPI within the DSL): what an application's own operator is given. A processor is
 * made once per task, after the task's stores are restored, by a function of its context; what that function answers is
 * called with each record.
 */

import type { KeyValueStore } from '../state/index.ts'
import type { Serdes } from './builder.ts'
import type { PunctuationType } from './clocks.ts'
import type { Duration } from './duration.ts'
import type { Headers } from './log/log.ts'
import type { Output } from './nodes/base.ts'
import type { RecordPosition } from './record.ts'

/** A record as a processor sees it, valid during the call. Headers are read here and changed by forwarding others. */
export interface ProcessorRecord<K, V> {
  readonly key: K
  readonly value: V
  /** Event time, milliseconds since the epoch. */
  readonly timestamp: number
  readonly headers: Headers
}

/** What a value processor forwards: the key is that of the record at hand. */
export interface ForwardedValue<V> {
  readonly value: V
  /** Default: that of the record at hand; in a punctuation, its time. */
  readonly timestamp?: number
  /** Default: those of the record at hand; in a punctuation, none. */
  readonly headers?: Headers
}

export interface ForwardedRecord<K, V> extends ForwardedValue<V> {
  readonly key: K
}

/** What a value processor is given. */
export interface ValueProcessorContext<V, S, F = ForwardedValue<V>> {
  /**
   * Hands a record on, during the call of the processor or of a punctuation: to all that follows, or with `to` only to what
   * follows under that name (`KStream.named`).
   * @throws TickerError FORWARD_TIMESTAMP_INVALID, FORWARD_MISPLACED, FORWARD_UNKNOWN_CHILD
   */
  forward(record: F, options?: { readonly to?: string }): void
  /** The stores it was connected with, by the names it gave them. */
  readonly stores: S
  /**
   * Calls back each time the clock has reached a multiple of `interval`: stream time is looked at after each record, the
   * first due time being 0; the wall clock is looked at in the task's loop, the first due time being one interval from now.
   * With `start` (milliseconds since the epoch) that is the first due time, or if it is past, the next multiple after it.
   * However far the clock jumps, the callback is called once, with the clock's time.
   *
   * Due times are state, so a punctuation goes on after a restart where it was committed: what is scheduled while the
   * processor is made is recognised by the order of the calls, or by its `name`, and stays cancelled if it was. What is
   * scheduled later is recognised by its `name` when the processor schedules it again, and ends with the task if it has
   * none; cancelled, it is forgotten, and scheduled again it begins anew.
   * @param options.name of this processor's own; it has one punctuation of a name at a time
   *
   * @example Begun by the first record, and not begun anew by a restart
   * ```ts
   * builder
   *   .stream('pulses', { key: string, value: long })
   *   .process<string, number>('count', {
   *     processor: ({ forward, schedule }) => {
   *       let [count, isBegun] = [0, false]
   *       return ({ timestamp }) => {
   *         count++
   *         if (isBegun) return
   *         isBegun = true
   *         const start = timestamp + 60_000
   *         schedule('1 m', 'streamTime', () => forward({ key: 'all', value: count }), { start, name: 'tell' })
   *       }
   *     },
   *   })
   *   .forEach((count, _, time) => console.log(count, time))
   *
   * const driver = await TopologyTestDriver.start(builder.build())
   * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 1000 })
   * await driver.pipe('pulses', { key: 'bert', value: 80, timestamp: 50_000 })
   * await driver.restart()
   * await driver.pipe('pulses', { key: 'anna', value: 91, timestamp: 61_000 })
   * // → 1 61000
   * ```
   * @returns cancels it
   * @throws TickerError PUNCTUATION_INVALID
   */
  schedule(
    interval: Duration,
    type: PunctuationType,
    callback: (time: number) => void,
    options?: { readonly start?: number; readonly name?: string },
  ): () => void
  /** Where the record at hand came from; undefined in a punctuation, and for results of `mapBatch`. */
  readonly position: RecordPosition | undefined
  /** The greatest event time taken from the task's source and repartition topics, milliseconds; -1 before the first. */
  readonly currentStreamTime: number
  /** Milliseconds since the epoch. Not determined by the input: a replay finds another one. */
  readonly currentWallClock: number
}

/** What a processor is given. */
export type ProcessorContext<K, V, S> = ValueProcessorContext<V, S, ForwardedRecord<K, V>>

/** What a processor reads of a table: what was put last, committed or not, handed on or still held in a cache. */
export type TableContents<K, V> = Pick<KeyValueStore<K, V>, 'get' | 'entries' | 'scanPrefix' | 'size'>

/** A store to be connected with processors: declared with `TopologyBuilder.store`, or a table's (`KTable.contents`). */
export interface StoreHandle<S> {
  readonly name: string
  readonly output: Output
  /** Of its type: nobody reads it. */
  readonly store?: S
}

/** Stores by the names a processor gives them. */
export type StoreHandles = Readonly<Record<string, StoreHandle<unknown>>>

/** The stores behind the handles. */
export type StoresOf<H extends StoreHandles> = {
  readonly [N in keyof H]: H[N] extends StoreHandle<infer S> ? S : never
}

export interface ProcessorOptions<K, V, L, R, H extends StoreHandles> extends Serdes<L, R> {
  readonly stores?: H
  readonly processor: (
    context: ProcessorContext<L, R, StoresOf<H>>,
  ) => (record: ProcessorRecord<K, V>) => void
}

export interface ValueProcessorOptions<K, V, R, H extends StoreHandles> {
  readonly value?: Serdes<K, R>['value']
  readonly stores?: H
  readonly processor: (
    context: ValueProcessorContext<R, StoresOf<H>>,
  ) => (record: ProcessorRecord<K, V>) => void
}
