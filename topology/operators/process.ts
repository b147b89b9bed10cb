import type { TaskClocks } from '../clocks.ts'
import { milliseconds } from '../duration.ts'
import { TickerError } from '../errors.ts'
import type { ProcessNode, ProcessValuesNode, RecordProcessor } from '../nodes/processors.ts'
import type { ForwardedRecord, ProcessorContext } from '../processor.ts'
import { noHeaders, type StreamRecord } from '../record.ts'
import type { Timers } from '../timers.ts'
import type { Operator, OutputPort } from './operator.ts'

/** An operator that is made ready when the task's stores are restored. */
export interface StartedOperator extends Operator {
  start(): void
}

/** Runs a processor of the application's against its context (processor.ts). */
export function process(
  node: ProcessNode | ProcessValuesNode,
  options: {
    out: OutputPort
    clocks: TaskClocks
    timers: Timers
    stores: Readonly<Record<string, unknown>>
  },
): StartedOperator {
  const { out, clocks, timers, stores } = options
  /** The record at hand, or the time of the punctuation at hand. */
  let current: StreamRecord | undefined
  let punctuated: number | undefined
  let starting = false
  let scheduled = 0
  const forwarded: StreamRecord = { key: null, value: null, timestamp: 0, headers: noHeaders }

  const context: ProcessorContext<unknown, unknown, unknown> = {
    stores,
    forward(record, { to } = {}) {
      forwarded.key = keyOf(record)
      forwarded.value = record.value
      forwarded.timestamp = timestampOf(record)
      forwarded.headers = record.headers ?? current?.headers ?? noHeaders
      if (to === undefined) out.forward(forwarded)
      else if (!out.forwardTo(to, forwarded)) {
        throw new TickerError('FORWARD_UNKNOWN_CHILD', `nothing named ${to} follows ${node.name}`)
      }
    },
    schedule(every, type, callback, { start, name } = {}) {
      const interval = milliseconds(every, `${node.name}, interval`)
      if (interval < 1 || !(start === undefined || isTime(start))) {
        throw new TickerError('PUNCTUATION_INVALID', `${node.name}: every ${every}, beginning at ${start}`)
      }
      const run = (time: number): void => {
        punctuated = time
        try {
          callback(time)
        } finally {
          punctuated = undefined
        }
      }
      const unnamed = starting ? `${node.name}/${scheduled++}` : undefined
      const id = name === undefined ? unnamed : `${node.name}/named/${name}`
      if (id !== undefined && clocks.isScheduled(id))
        throw new TickerError('PUNCTUATION_INVALID', `${node.name}: ${name} is scheduled already`)
      const options = { id, staysCancelled: starting, now: timers.now() }
      return clocks.schedule({ type, interval, start, callback: run }, options)
    },
    get position() {
      return clocks.position
    },
    get currentStreamTime() {
      return clocks.streamTime
    },
    get currentWallClock() {
      return timers.now()
    },
  }

  const keyOf = (record: ForwardedRecord<unknown, unknown>): unknown => {
    if (node.kind === 'process') return record.key
    if (current !== undefined) return current.key
    throw new TickerError('FORWARD_MISPLACED', `${node.name}: a value processor has no key outside a record`)
  }

  const timestampOf = (record: ForwardedRecord<unknown, unknown>): number => {
    const inherited = current?.timestamp ?? punctuated
    if (inherited === undefined) {
      throw new TickerError('FORWARD_MISPLACED', `${node.name} forwards outside of a record or a punctuation`)
    }
    const timestamp = record.timestamp ?? inherited
    if (isTime(timestamp)) return timestamp
    throw new TickerError('FORWARD_TIMESTAMP_INVALID', `${node.name} forwards a record of time ${timestamp}`)
  }

  let run: RecordProcessor['process'] | undefined

  return {
    start() {
      starting = true
      run = node.processor(context)
      starting = false
    },
    process(record) {
      current = record
      try {
        run!(record)
      } finally {
        current = undefined
      }
    },
  }
}

function isTime(time: number): boolean {
  return Number.isSafeInteger(time) && time >= 0
}
