/**
 * Aggregates per key and sliding window (KIP-450).
 *
 * Only windows that hold another set of records than their neighbours are kept: for each record the window that ends with
 * it, and the one that begins right after it where that is not empty. A record therefore changes the windows it falls
 * into and makes up to three: its own, the one right after it, and the one right after the record before it. What goes
 * into those is found in the windows next to them: an aggregate's timestamp is that of its last record, which tells
 * what a window holds without keeping the records. Windows are looked through, and updates come out, from the latest
 * back, as in Kafka Streams.
 *
 * A window takes records while end + grace is not less than the clock. Records without a key or a value are dropped.
 */
import type { Timestamped, WindowEntry } from '../../state/index.ts'
import type { Adder, WindowAggregateNode } from '../nodes/aggregations.ts'
import type { StreamRecord } from '../record.ts'
import type { SlidingWindows } from '../windows.ts'
import { type FixedWindowOptions, OpenWindows } from './open-windows.ts'
import type { Operator } from './operator.ts'

type Entry = WindowEntry<unknown, unknown>

export function slidingWindowAggregate(
  node: WindowAggregateNode,
  windows: SlidingWindows,
  options: FixedWindowOptions,
): readonly Operator[] {
  const { store, late, counts } = options
  const { difference } = windows
  const open = new OpenWindows(node, windows, options)

  /** Each of these answers whether the record came in time for all the windows it belongs to. */
  const process = (record: StreamRecord, adder: Adder, closed: number): boolean => {
    const { key, timestamp: time } = record
    const add = (start: number, found: Timestamped<unknown> | undefined, first = found): void => {
      if (!open.add(record, adder, closed, start, found, first)) inTime = false
    }
    let inTime = true
    let [endsHere, beginsAfter] = [false, false]
    /** The latest window that reaches beyond the record: it holds what comes within `difference` after it, and more. */
    let beyond: Entry | undefined
    /** The latest window that ends before the record. */
    let left: Entry | undefined
    /** Time of the last record before this one. */
    let previous: number | undefined
    const starts = new Set<number>()
    for (const entry of store.fetch(key, Math.max(0, time - 2 * difference), time + 1, { reverse: true })) {
      const { start, timestamp: last } = entry
      starts.add(start)
      if (start === time + 1) {
        beginsAfter = true
      } else if (start + difference > time) {
        beyond ??= entry
        add(start, entry)
      } else if (start + difference === time) {
        endsHere = true
        add(start, entry)
        // There was a record at this very time, which has made all the windows that this one would.
        if (last === time) return inTime
        previous = last
      } else {
        left = entry
        previous = last
        break
      }
    }
    if (previous !== undefined && !starts.has(previous + 1) && previous + 1 + difference >= time)
      add(previous + 1, undefined)
    if (!endsHere) {
      const holdsPrevious = left !== undefined && left.timestamp >= time - difference
      add(time - difference, undefined, holdsPrevious ? { value: left!.value, timestamp: time } : undefined)
    }
    if (!beginsAfter && beyond !== undefined) beginAfter(record, beyond)
    return inTime
  }

  /** The same for a record so near to 0 that its window would begin before: [0, difference] takes its place. */
  const processEarly = (record: StreamRecord, adder: Adder, closed: number): boolean => {
    const { key, timestamp: time } = record
    let inTime = true
    let beginsAfter = false
    let first: Entry | undefined
    let beyond: Entry | undefined
    const starts = new Set<number>()
    for (const entry of store.fetch(key, 0, time + 1)) {
      starts.add(entry.start)
      if (entry.start === 0) {
        first = entry
      } else if (entry.start <= time) {
        beyond = entry
        if (!open.add(record, adder, closed, entry.start, entry)) inTime = false
      } else {
        beginsAfter = true
      }
    }
    // Without a window between, all that the first one holds lies after the record, if its last does.
    beyond ??= first
    if (!beginsAfter && beyond !== undefined) beginAfter(record, beyond)
    if (first !== undefined && first.timestamp < time && !starts.has(first.timestamp + 1)) {
      const start = first.timestamp + 1
      if (!open.add(record, adder, closed, start, undefined)) inTime = false
    }
    return open.add(record, adder, closed, 0, first) && inTime
  }

  /** The window right after the record holds what a window that reaches beyond it holds, if that has a later record. */
  const beginAfter = (record: StreamRecord, { value, timestamp }: Entry): void => {
    if (timestamp > record.timestamp) open.set(record, record.timestamp + 1, value, null, timestamp)
  }

  return node.adders.map((adder, input) => ({
    process(record) {
      if (record.key === null) counts.keyless++
      if (record.key === null || record.value === null) return
      const closed = open.advance(record, input)
      const { timestamp } = record
      const inTime =
        timestamp > closed && (timestamp < difference ? processEarly : process)(record, adder, closed)
      if (!inTime) late.forward(record)
    },
  }))
}
