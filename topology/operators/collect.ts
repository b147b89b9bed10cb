/**
 * Collects samples into panes and hands on each window when it closes.
 *
 * With time T (the operator's greatest timestamp or, per key, the key's own) a window starting at s is closed when
 * s + size + grace <= T. So "which windows are closed" is a function of the clock alone, and the clock is part of the state:
 * after a restart no window closes twice. When a clock moves from T0 to T1, the windows to hand on are those closed at T1
 * and not at T0 that hold a sample.
 */
import { type KeyPanes, NEVER, type Pane, PaneStore } from '../../state/pane-store.ts'
import type { CollectNode } from '../nodes/aggregations.ts'
import { noHeaders, type StreamRecord } from '../record.ts'
import {
  firstWindowStart,
  lastClosedStart,
  lastWindowStart,
  type TimeWindows,
  type WindowSamples,
} from '../windows.ts'
import type { TaskCounts } from './context.ts'
import type { MakeIdleTime } from './idle-time.ts'
import type { Downstream, Operator, OutputPort } from './operator.ts'

/** Panes as wide as the greatest common divisor of size and advance: every window is a whole number of them. */
export function paneSize(windows: TimeWindows): number {
  let [a, b] = [windows.size, windows.advance]
  while (b !== 0) [a, b] = [b, a % b]
  return a
}

export function paneStore(node: CollectNode): PaneStore {
  return new PaneStore({ fields: node.fields, paneSize: paneSize(node.windows) })
}

/** The string that stands for a key in memory. */
export function keyId(node: CollectNode, key: unknown): string {
  return typeof key === 'string' ? key : node.key.serialize(key).toString('latin1')
}

/** The same from a key's bytes. */
export function keyIdOfBytes(node: CollectNode, bytes: Buffer): string {
  return keyId(node, node.key.deserialize(bytes))
}

export function collect(
  node: CollectNode,
  options: {
    store: PaneStore
    out: Downstream
    late: OutputPort
    counts: TaskCounts
    idle: MakeIdleTime | undefined
  },
): Operator {
  const { store, out, late, counts } = options
  const { windows, fields } = node
  const pane = paneSize(windows)
  const samples = new PaneSamples(fields, store.width)

  /** Hands on the key's windows that close as its time moves from `before` to `after`, and drops what they leave behind. */
  const closeKey = (entry: KeyPanes, before: number, after: number, record: StreamRecord): void => {
    const last = lastClosedStart(windows, after)
    if (entry.panes.length > 0) {
      for (const start of windowsOf(entry.panes, windows, lastClosedOrNever(windows, before), last)) {
        emit(entry, start, record)
      }
      store.dropBefore(entry, last + windows.advance)
    }
  }

  const emit = (entry: KeyPanes, start: number, record: StreamRecord): void => {
    if (!samples.reset(entry.panes, start, start + windows.size)) return
    const { key, value, timestamp } = record
    record.key = node.key.deserialize(entry.keyBytes)
    record.value = samples
    record.timestamp = samples.timestamps[samples.count - 1]!
    counts.closed++
    out.forward(record)
    record.key = key
    record.value = value
    record.timestamp = timestamp
  }

  /** One time for all keys: windows close across keys in order of start, then of key bytes. */
  const closeAll = (before: number, after: number, record: StreamRecord): void => {
    const last = lastClosedStart(windows, after)
    const closing = new Map<number, KeyPanes[]>()
    for (const entry of store.keys()) {
      if (entry.panes.length === 0 || entry.panes[0]!.start > last + windows.size) continue
      for (const start of windowsOf(entry.panes, windows, lastClosedOrNever(windows, before), last)) {
        const entries = closing.get(start)
        if (entries === undefined) closing.set(start, [entry])
        else entries.push(entry)
      }
    }
    for (const start of [...closing.keys()].sort((a, b) => a - b)) {
      const entries = closing.get(start)!.sort((a, b) => Buffer.compare(a.keyBytes, b.keyBytes))
      for (const entry of entries) emit(entry, start, record)
    }
    for (const entry of store.keys()) store.dropBefore(entry, last + windows.advance)
  }

  const perKey = node.clock === 'perKey'

  /** Moves the clock that counts for this key, and closes what it passes. */
  const advance = (entry: KeyPanes, time: number, record: StreamRecord): void => {
    const before = perKey ? entry.clock : store.streamTime
    if (time <= before) return
    if (perKey) store.setClock(entry, time)
    else store.streamTime = time
    // Nothing closes while the last closed window stays the same: nearly always.
    if (before !== NEVER && lastClosedStart(windows, time) === lastClosedStart(windows, before)) return
    if (perKey) closeKey(entry, before, time, record)
    else closeAll(before, time, record)
  }

  const add = (entry: KeyPanes, record: StreamRecord, value: Record<string, unknown>): void => {
    const time = record.timestamp
    const target = store.append(entry, Math.floor(time / pane) * pane, time)
    let at = (target.count - 1) * store.width + 1
    for (const field of fields) {
      const number = value[field]
      target.rows[at++] = typeof number === 'number' ? number : Number.NaN
    }
  }

  /** The record that idle time hands windows on with. */
  const silence: StreamRecord = { key: null, value: null, timestamp: 0, headers: noHeaders }
  const clockOf = (entry: KeyPanes): number => (perKey ? entry.clock : store.streamTime)
  const idOf = (entry: KeyPanes): string => (perKey ? entry.keyBytes.toString('latin1') : '')
  const idle = options.idle?.<KeyPanes>({
    isOpen: entry => (perKey ? entry.panes.length > 0 : store.hasPanes()),
    closes: (entry, time) => lastClosedStart(windows, time) > lastClosedOrNever(windows, clockOf(entry)),
    move: (entry, time) => advance(entry, time, { ...silence, timestamp: time }),
    *found() {
      for (const entry of store.keys())
        if (entry.panes.length > 0) yield { id: idOf(entry), clock: entry, time: clockOf(entry) }
    },
  })

  return {
    process(record) {
      if (record.key === null) {
        counts.keyless++
        return
      }
      const key = record.key
      const entry = store.of(keyId(node, key), () => node.key.serialize(key))
      idle?.heard(idOf(entry), entry, record.timestamp)
      if (perKey && node.endsKey?.(record.value)) {
        // Windows that hold samples up to now end at most `size` later; with the grace added, all of them close.
        advance(entry, Math.max(entry.clock, record.timestamp) + windows.size + windows.grace, record)
        return
      }
      if (!isFields(record.value)) return
      // The record raises the clock before it is judged, as in Kafka Streams, but its own sample must be there when its
      // clock closes windows: a window it belongs to is never closed by it, so the order makes no difference to them.
      advance(entry, record.timestamp, record)
      const closed = lastClosedStart(windows, perKey ? entry.clock : store.streamTime)
      if (lastWindowStart(windows, record.timestamp) > closed) add(entry, record, record.value)
      if (firstWindowStart(windows, record.timestamp) <= closed) late.forward(record)
    },
  }
}

function lastClosedOrNever(windows: TimeWindows, time: number): number {
  return time === NEVER ? NEVER : lastClosedStart(windows, time)
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Starts of the windows with a pane among `panes`, after `after` and up to `last`, ascending. */
function* windowsOf(
  panes: readonly Pane[],
  windows: TimeWindows,
  after: number,
  last: number,
): Generator<number> {
  let done = after
  // A copy: dropping panes is the caller's, after the last window.
  for (const { start } of [...panes]) {
    for (
      let window = firstWindowStart(windows, start);
      window <= start && window <= last;
      window += windows.advance
    ) {
      if (window <= done) continue
      done = window
      yield window
    }
  }
}

/** The view of one window over its panes. Arrays are made once and grow; what is handed out are parts of them. */
class PaneSamples implements WindowSamples<string> {
  start = 0
  end = 0
  count = 0
  timestamps: Float64Array = new Float64Array(0)
  readonly #fields: readonly string[]
  readonly #width: number
  /** Rows of the window, in order of time. */
  #rows = new Float64Array(0)
  readonly #columns: Float64Array[]
  readonly #filled: boolean[]
  #room = 0

  constructor(fields: readonly string[], width: number) {
    this.#fields = fields
    this.#width = width
    this.#columns = fields.map(() => new Float64Array(0))
    this.#filled = fields.map(() => false)
  }

  /** False if the window holds no sample. */
  reset(panes: readonly Pane[], start: number, end: number): boolean {
    let count = 0
    let sorted = true
    for (const pane of panes) {
      if (pane.start < start || pane.start >= end) continue
      count += pane.count
      sorted &&= pane.sorted
    }
    if (count === 0) return false
    this.#reserve(count)
    this.start = start
    this.end = end
    this.count = count
    let at = 0
    for (const pane of panes) {
      if (pane.start < start || pane.start >= end) continue
      this.#rows.set(pane.rows.subarray(0, pane.count * this.#width), at)
      at += pane.count * this.#width
    }
    if (!sorted) this.#sort()
    this.timestamps = this.#gather(new Float64Array(count), 0)
    this.#filled.fill(false)
    return true
  }

  column(field: string): Float64Array {
    const index = this.#fields.indexOf(field)
    const column = this.#columns[index]
    if (column === undefined) throw new RangeError(`the window does not collect ${field}`)
    const view = column.subarray(0, this.count)
    if (!this.#filled[index]) {
      this.#filled[index] = true
      this.#gather(view, index + 1)
    }
    return view
  }

  #gather(into: Float64Array, offset: number): Float64Array {
    for (let i = 0, at = offset; i < this.count; i++, at += this.#width) into[i] = this.#rows[at]!
    return into
  }

  #reserve(count: number): void {
    if (count <= this.#room) return
    this.#room = count * 2
    this.#rows = new Float64Array(this.#room * this.#width)
    for (let i = 0; i < this.#columns.length; i++) this.#columns[i] = new Float64Array(this.#room)
  }

  /** By timestamp; equal ones stay in order of arrival. */
  #sort(): void {
    const width = this.#width
    const rows = this.#rows.slice(0, this.count * width)
    const order = Array.from({ length: this.count }, (_, i) => i).sort(
      (a, b) => rows[a * width]! - rows[b * width]! || a - b,
    )
    for (const [to, from] of order.entries()) {
      this.#rows.set(rows.subarray(from * width, (from + 1) * width), to * width)
    }
  }
}
