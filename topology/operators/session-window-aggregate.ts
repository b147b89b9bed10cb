/**
 * Aggregates per key and session.
 *
 * A record makes one session of itself and those within the gap. It is too late if that session's end is less than the
 * clock - gap - grace, which the record at hand raises first. The sessions it replaces are deleted first, each with a
 * tombstone. A record without a value is aggregated all the same, as in Kafka Streams. An aggregate's time is its
 * session's end.
 */
import type { SessionStore } from '../../state/index.ts'
import type { WindowAggregateNode } from '../nodes/aggregations.ts'
import { noHeaders, type StreamRecord } from '../record.ts'
import type { SessionWindows } from '../windows.ts'
import type { MakeIdleTime } from './idle-time.ts'
import type { Operator } from './operator.ts'
import type { RecordCache } from './record-cache.ts'
import { FOREVER, NEVER, type WindowClock, WindowClocks } from './window-clocks.ts'
import { type WindowPorts, windowOutput } from './window-output.ts'

export function sessionWindowAggregate(
  node: WindowAggregateNode,
  windows: SessionWindows,
  options: WindowPorts & {
    store: SessionStore<unknown, unknown>
    retention: number
    cache: RecordCache | undefined
    idle: MakeIdleTime | undefined
  },
): readonly Operator[] {
  const { store, retention, cache, late, counts } = options
  const { gap, grace } = windows
  const clocks = new WindowClocks(node, store)
  const output = windowOutput(node, options)

  /** Hands on what closes as the clock moves: by end, then start, then key. */
  const close = (record: StreamRecord, before: number, now: number): void => {
    const [from, last] = [Math.max(0, before - gap - grace), now - gap - grace - 1]
    if (last < from) return
    const closing =
      node.clock === 'perKey'
        ? store.find(record.key, from, last).filter(({ end }) => end <= last)
        : store.fetchByEnd(from, last)
    for (const { key, start, end, value } of closing)
      output.final(record, { window: { key, start, end }, newValue: value, timestamp: end })
  }

  /** With a clock per key the store cannot know what is behind the retention. */
  const forget = (key: unknown, upTo: number): void => {
    for (const { start, end } of store.find(key, NEVER, upTo)) if (end <= upTo) store.delete(key, start, end)
  }

  const advance = (clock: WindowClock, record: StreamRecord): number => {
    const { before, now } = clocks.advance(clock, record.timestamp)
    if (now > before) {
      if (node.emit === 'close') close(record, before, now)
      if (node.clock === 'perKey') forget(record.key, now - retention)
    }
    return now
  }

  /** The least end of a session that is not closed. */
  const firstOpen = (clock: WindowClock): number => clocks.now(clock) - gap - grace
  const idle = options.idle?.<WindowClock>({
    isOpen: clock =>
      node.clock === 'perKey'
        ? store.find(clock.key, firstOpen(clock), FOREVER).length > 0
        : store.fetchByEnd(firstOpen(clock), FOREVER).length > 0,
    closes: (clock, time) =>
      node.clock === 'perKey'
        ? store.find(clock.key, firstOpen(clock), FOREVER).some(({ end }) => end < time - gap - grace)
        : store.fetchByEnd(firstOpen(clock), time - gap - grace - 1).length > 0,
    move: (clock, timestamp) =>
      void advance(clock, { key: clock.key, value: null, timestamp, headers: noHeaders }),
    found: () => clocks.found(Array.from(store.all(), session => session.key)),
  })

  /** To be called before a session is changed. */
  const hold = (key: unknown, start: number, end: number): void =>
    cache?.hold({ key, start, end }, () => {
      const found = store.get(key, start, end)
      return found && { value: found.value, timestamp: end }
    })

  const update = (
    record: StreamRecord,
    [start, end]: readonly [number, number],
    values: { newValue: unknown; oldValue: unknown },
  ): void => {
    const { headers } = record
    // Kafka Streams' updates of sessions have no headers; its final results have those of the record that closed them.
    record.headers = noHeaders
    output.update(record, { window: { key: record.key, start, end }, ...values, timestamp: end })
    record.headers = headers
  }

  return node.adders.map((adder, input) => ({
    process(record) {
      const { key, value, timestamp: time } = record
      if (key === null) {
        counts.keyless++
        return
      }
      const clock = clocks.of(key, input)
      idle?.heard(clock.name, clock, time)
      const now = advance(clock, record)
      const found = store.find(key, time - gap, time + gap)
      const start = Math.min(time, ...found.map(session => session.start))
      const end = Math.max(time, ...found.map(session => session.end))
      // The store forgets what is open only where another input is far ahead.
      const isForgotten = end <= store.observedTime - store.retention
      if (end < now - gap - grace || isForgotten) {
        late.forward(record)
        return
      }
      let aggregate = node.initial()
      for (const session of found) aggregate = node.merge!(aggregate, session.value, key)
      if (start !== end) {
        for (const session of found) {
          hold(key, session.start, session.end)
          store.delete(key, session.start, session.end)
          update(record, [session.start, session.end], { newValue: null, oldValue: session.value })
        }
      }
      aggregate = adder.add(aggregate, value, key) ?? null
      hold(key, start, end)
      if (aggregate === null) store.delete(key, start, end)
      else store.put(key, start, end, aggregate)
      // Of several records at one time only the last one's session stays as it is.
      const oldValue = start === end ? (found[0]?.value ?? null) : null
      update(record, [start, end], { newValue: aggregate, oldValue })
    },
  }))
}
