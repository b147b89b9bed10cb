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
  return node.adders.map((adder, input) => ({
    process(record) {
      const { key, timestamp } = record
      if (key === null) {
        counts.keyless++
        return
      }
      const now = open.advance(record, input)
      let isLate = false
      for (const start of startsOf(windows, timestamp)) {
        if (!open.add(record, adder, { start, found: store.get(key, start), now })) isLate = true
      }
      if (isLate) late.forward(record)
    },
  }))
}

/** Starts of the windows that contain a time, ascending. */
function* startsOf(windows: TimeWindows | UnlimitedWindows, time: number): Generator<number> {
  if (windows.kind === 'unlimited') {
    if (time >= windows.start) yield windows.start
    return
  }
  const last = lastWindowStart(windows, time)
  for (let start = firstWindowStart(windows, time); start <= last; start += windows.advance) yield start
}
