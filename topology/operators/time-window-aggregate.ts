/**
 * Aggregates per key and window: tumbling, hopping and unlimited windows.
 *
 * A window takes records while end + grace is greater than the clock, which the record at hand raises first. A record
 * without a value is aggregated all the same, as in Kafka Streams. An aggregate's time is the greatest of its records'.
 */
import type { WindowAggregateNode } from '../nodes/aggregations.ts'
import { firstWindowStart, lastWindowStart, type TimeWindows, type UnlimitedWindows } from '../windows.ts'
import { type FixedWindowOptions, OpenWindows } from './open-windows.ts'
import type { Operator } from './operator.ts'

export function timeWindowAggregate(
  node: WindowAggregateNode,
  windows: TimeWindows | UnlimitedWindows,
  options: FixedWindowOptions,
): readonly Operator[] {
  const { store, late, counts } = options
  const open = new OpenWindows(node, windows, options)
  const advance = windows.kind === 'unlimited' ? Number.POSITIVE_INFINITY : windows.advance
  return node.adders.map((adder, input) => ({
    process(record) {
      const { key, timestamp } = record
      if (key === null) {
        counts.keyless++
        return
      }
      const closed = open.advance(record, input)
      let isLate = false
      const last = lastStart(windows, timestamp)
      for (let start = firstStart(windows, timestamp); start <= last; start += advance) {
        if (!open.add(record, adder, closed, start, store.peek(key, start))) isLate = true
      }
      if (isLate) late.forward(record)
    },
  }))
}

/** The starts of the windows that contain a time lie between these two; none if the first is greater. */
function firstStart(windows: TimeWindows | UnlimitedWindows, time: number): number {
  return windows.kind === 'unlimited' ? windows.start : firstWindowStart(windows, time)
}

function lastStart(windows: TimeWindows | UnlimitedWindows, time: number): number {
  return windows.kind === 'unlimited' ? time : lastWindowStart(windows, time)
}
