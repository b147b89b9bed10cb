/** What the windowed aggregations hand on. */
import type { Change } from '../change.ts'
import type { WindowAggregateNode } from '../nodes/aggregations.ts'
import type { StreamRecord } from '../record.ts'
import type { Windowed } from '../windows.ts'
import type { TaskCounts } from './context.ts'
import type { Downstream, OutputPort } from './operator.ts'

export interface WindowPorts {
  readonly out: Downstream
  /** Records that came too late for at least one of their windows, once each. */
  readonly late: OutputPort
  readonly counts: TaskCounts
}

export interface WindowResult {
  readonly window: Windowed<unknown>
  readonly newValue: unknown
  readonly oldValue: unknown
  readonly timestamp: number
}

export interface WindowOutput {
  /** An aggregate changed. Says nothing where only final results are handed on. */
  update(record: StreamRecord, result: WindowResult): void
  /** A window closed: its aggregate will not change any more. */
  final(record: StreamRecord, result: Omit<WindowResult, 'oldValue'>): void
}

export function windowOutput(node: WindowAggregateNode, { out, counts }: WindowPorts): WindowOutput {
  const forward = (
    record: StreamRecord,
    window: Windowed<unknown>,
    change: Change<unknown>,
    time: number,
  ): void => {
    const { key, value, timestamp } = record
    record.key = window
    record.value = change
    record.timestamp = time
    out.forward(record)
    record.key = key
    record.value = value
    record.timestamp = timestamp
  }
  return {
    update(record, { window, newValue, oldValue, timestamp }) {
      if (node.emit === 'close') return
      const change = { newValue, oldValue: node.sendsOldValues ? oldValue : null, isLatest: true }
      forward(record, window, change, timestamp)
    },
    final(record, { window, newValue, timestamp }) {
      counts.closed++
      forward(record, window, { newValue, oldValue: null, isLatest: true }, timestamp)
    },
  }
}
