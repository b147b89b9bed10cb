/**
 * Two streams joined within a window of event time, by key (Kafka Streams' KStreamKStreamJoin, KAFKA-10847).
 *
 * Each side waits in a buffer for records of the other one. Where a side is kept, a record that met nothing comes out alone
 * once its window, with the grace, is over: until then it is among the *unmatched*. When overdue ones are looked for
 * depends on `low`, the timestamp at which the last look ended; outputs depend on it, so it is committed as the
 * buffers are.
 */
import type { UnmatchedStore } from '../../state/unmatched-store.ts'
import type { WindowStore } from '../../state/window-store.ts'
import type { StreamJoinNode } from '../nodes/joins.ts'
import type { StreamRecord } from '../record.ts'
import type { TaskCounts } from './context.ts'
import type { Operator, OutputPort } from './operator.ts'

export interface StreamJoinOptions {
  /** What each side waits in. */
  readonly left: WindowStore<unknown, unknown>
  readonly right: WindowStore<unknown, unknown>
  /** Undefined for an inner join. */
  readonly unmatched: UnmatchedStore<unknown, unknown> | undefined
  readonly out: OutputPort
  readonly counts: TaskCounts
}

/** Milliseconds a buffer keeps a record behind its newest one. */
export function joinRetention(node: StreamJoinNode): number {
  return node.before + node.after + node.grace
}

/** The operators of the left and of the right input. */
export function streamStreamJoin(
  node: StreamJoinNode,
  options: StreamJoinOptions,
): readonly [Operator, Operator] {
  return [joinSide(node, true, options), joinSide(node, false, options)]
}

function joinSide(node: StreamJoinNode, left: boolean, options: StreamJoinOptions): Operator {
  const { unmatched, out, counts } = options
  const [own, others] = left ? [options.left, options.right] : [options.right, options.left]
  const [before, after] = left ? [node.before, node.after] : [node.after, node.before]
  const kept = left ? node.keepsLeft : node.keepsRight

  /** Forwards a result in the record's place, with the record's headers. */
  const emit = (record: StreamRecord, result: Result): void => {
    const { key, value, timestamp } = record
    record.key = result.key
    record.value = node.joiner(result.left, result.right, result.key)
    record.timestamp = result.timestamp
    out.forward(record)
    record.key = key
    record.value = value
    record.timestamp = timestamp
  }

  const emitAlone = (record: StreamRecord): void => {
    const { key, value, timestamp } = record
    emit(record, { key, timestamp, left: left ? value : null, right: left ? null : value })
  }

  /** Kafka Streams knows no time before 0, where a window that lies before its record would end. */
  const windowEnd = (timestamp: number): number => Math.max(0, timestamp + after)

  const emitMatches = (record: StreamRecord): boolean => {
    const { key, value, timestamp } = record
    const matches = others.fetch(key, timestamp - before, windowEnd(timestamp))
    for (const match of matches) {
      unmatched?.delete({ left: !left, key, timestamp: match.start })
      emit(record, {
        key,
        left: left ? value : match.value,
        right: left ? match.value : value,
        timestamp: Math.max(timestamp, match.start),
      })
    }
    return matches.length > 0
  }

  const emitOverdue = (record: StreamRecord, waiting: UnmatchedStore<unknown, unknown>): void => {
    const { streamTime } = waiting
    if (waiting.low + after + node.grace >= streamTime) return
    let low = Number.POSITIVE_INFINITY
    let [leftUndue, rightUndue] = [false, false]
    for (const entry of waiting.entries()) {
      low = entry.timestamp
      if (leftUndue && rightUndue) break
      const reach = entry.left ? node.after : node.before
      if (entry.timestamp + reach + node.grace >= streamTime) {
        if (entry.left) leftUndue = true
        else rightUndue = true
        continue
      }
      const { key, timestamp } = entry
      for (const value of entry.values) {
        emit(record, {
          key,
          timestamp,
          left: entry.left ? value : null,
          right: entry.left ? null : value,
        })
      }
      waiting.delete(entry)
    }
    waiting.low = low
  }

  return {
    process(record) {
      const { key, value, timestamp } = record
      unmatched?.observe(timestamp)
      if (value === null) return
      if (key === null) {
        if (kept) emitAlone(record)
        else counts.keyless++
        return
      }
      if (unmatched !== undefined && timestamp === unmatched.streamTime) emitOverdue(record, unmatched)
      const matched = emitMatches(record)
      if (unmatched !== undefined && kept && !matched) {
        if (windowEnd(timestamp) < unmatched.streamTime) {
          emitAlone(record)
        } else {
          unmatched.add({ left, key, timestamp }, value)
          unmatched.low = Math.min(unmatched.low, timestamp)
        }
      }
      own.put(key, timestamp, value, timestamp)
    },
  }
}

interface Result {
  readonly key: unknown
  readonly left: unknown
  readonly right: unknown
  readonly timestamp: number
}
