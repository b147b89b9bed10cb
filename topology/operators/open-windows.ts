/** What aggregations over windows of a fixed length share: which windows are closed, and their aggregates. */
import type { Timestamped, WindowStore } from '../../state/index.ts'
import type { Adder, WindowAggregateNode } from '../nodes/aggregations.ts'
import { noHeaders, type StreamRecord } from '../record.ts'
import { lastClosedStart, lengthOf, type Windows } from '../windows.ts'
import type { IdleTime, MakeIdleTime, MovableClocks } from './idle-time.ts'
import type { RecordCache } from './record-cache.ts'
import { FOREVER, NEVER, type WindowClock, WindowClocks } from './window-clocks.ts'
import { type WindowPorts, windowOutput } from './window-output.ts'

export type FixedWindows = Exclude<Windows, { kind: 'session' }>

export interface FixedWindowOptions extends WindowPorts {
  readonly store: WindowStore<unknown, unknown>
  /** Milliseconds for which windows are kept, counted from their start. */
  readonly retention: number
  /** Holds back the updates, if there is one. */
  readonly cache: RecordCache | undefined
  readonly idle: MakeIdleTime | undefined
}

export class OpenWindows {
  readonly #node: WindowAggregateNode
  readonly #windows: FixedWindows
  readonly #store: FixedWindowOptions['store']
  readonly #retention: number
  /** From a window's start to its end. */
  readonly #length: number
  readonly #clocks: WindowClocks
  readonly #cache: RecordCache | undefined
  readonly #idle: IdleTime<WindowClock> | undefined
  readonly #output: ReturnType<typeof windowOutput>

  constructor(node: WindowAggregateNode, windows: FixedWindows, options: FixedWindowOptions) {
    this.#node = node
    this.#windows = windows
    this.#store = options.store
    this.#retention = options.retention
    this.#length = lengthOf(windows)
    this.#cache = options.cache
    this.#clocks = new WindowClocks(node, options.store)
    this.#idle = options.idle?.(this.#movable())
    this.#output = windowOutput(node, options)
  }

  /**
   * Raises the clock to the record's time and answers with the greatest start of a window that is closed then. Hands on what
   * that closes: before the record is added, because the store forgets what is behind its retention when it is given a newer
   * window.
   */
  advance(record: StreamRecord, input: number): number {
    const clock = this.#clocks.of(record.key, input)
    this.#idle?.heard(clock.name, clock, record.timestamp)
    return this.#lastClosed(this.#advance(clock, record))
  }

  #advance(clock: WindowClock, record: StreamRecord): number {
    const { before, now } = this.#clocks.advance(clock, record.timestamp)
    if (now > before) {
      if (this.#node.emit === 'close') this.#close(record, before, now)
      if (this.#node.clock === 'perKey') this.#forget(record.key, now)
    }
    return now
  }

  /**
   * Adds the record to the aggregate of the window that begins at `start`, of which `found` is what there is; a window that
   * is new begins with `first`, if that is given. False if the window is closed, which those up to `closed` are, or forgotten
   * because another input is far ahead: then nothing was done. (Arguments, not an object of options: one for each window of each record would be made.)
   */
  add(
    record: StreamRecord,
    adder: Adder,
    closed: number,
    start: number,
    found: Timestamped<unknown> | undefined,
    first = found,
  ): boolean {
    if (start <= closed) return false
    const { key, value } = record
    const newValue = adder.add(first === undefined ? this.#node.initial() : first.value, value, key) ?? null
    const timestamp = Math.max(record.timestamp, first?.timestamp ?? NEVER)
    return this.set(record, start, newValue, found?.value ?? null, timestamp)
  }

  /** Replaces an aggregate and hands on the update; false if the window is forgotten. */
  set(record: StreamRecord, start: number, newValue: unknown, oldValue: unknown, timestamp: number): boolean {
    const { key } = record
    // Without updates to hand on there is nothing to tell, which saves most of the time this takes.
    const window = this.#node.emit === 'close' ? undefined : { key, start, end: start + this.#length }
    if (window !== undefined) this.#cache?.hold(window, () => this.#store.get(key, start))
    if (newValue === null) this.#store.delete(key, start)
    else if (!this.#store.put(key, start, newValue, timestamp)) return false
    if (window !== undefined) this.#output.update(record, { window, newValue, oldValue, timestamp })
    return true
  }

  #movable(): MovableClocks<WindowClock> {
    const closed = (clock: WindowClock): number => this.#lastClosed(this.#clocks.now(clock))
    return {
      isOpen: clock => {
        const first = closed(clock) + 1
        return this.#node.clock === 'perKey'
          ? this.#store.fetch(clock.key, first, FOREVER).length > 0
          : this.#store.fetchAll(first, FOREVER).length > 0
      },
      closes: (clock, time) => this.#lastClosed(time) > closed(clock),
      move: (clock, timestamp) =>
        this.#advance(clock, { key: clock.key, value: null, timestamp, headers: noHeaders }),
      found: () => this.#clocks.found(Array.from(this.#store.all(), entry => entry.key)),
    }
  }

  /** The greatest start of a window that is closed at this time. */
  #lastClosed(time: number): number {
    const windows = this.#windows
    if (time === NEVER) return NEVER
    switch (windows.kind) {
      case 'time':
        return lastClosedStart(windows, time)
      case 'sliding':
        // The end belongs to the window, so it is closed one millisecond later.
        return time - windows.grace - windows.difference - 1
      case 'unlimited':
        return NEVER
    }
  }

  /** Hands on what closes as the clock moves: by start, then key. */
  #close(record: StreamRecord, before: number, now: number): void {
    const from = Math.max(0, this.#lastClosed(before) + 1)
    const last = this.#lastClosed(now)
    if (last < from) return
    const closing =
      this.#node.clock === 'perKey'
        ? this.#store.fetch(record.key, from, last)
        : this.#store.fetchAll(from, last)
    for (const { key, start, value, timestamp } of closing)
      this.#output.final(record, {
        window: { key, start, end: start + this.#length },
        newValue: value,
        timestamp,
      })
  }

  /** With a clock per key the store cannot know what is behind the retention. */
  #forget(key: unknown, now: number): void {
    for (const { start } of this.#store.fetch(key, NEVER, now - this.#retention))
      this.#store.delete(key, start)
  }
}
