import { TickerError } from '../errors.ts'
import type { Headers } from '../log/log.ts'
import type { MapBatchNode } from '../nodes/streams.ts'
import type { StreamRecord } from '../record.ts'
import type { Timers } from '../timers.ts'
import type { AsyncOperator, OutputPort } from './operator.ts'

interface Waiting {
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: number
  readonly headers: Headers
}

/** Gathers records into batches for an asynchronous function, and hands its results on in the order the records came. */
export function mapBatch(
  node: MapBatchNode,
  options: { out: OutputPort; timers: Timers; recorded: () => unknown },
): AsyncOperator {
  let waiting: Waiting[] = []
  const result: StreamRecord = { key: null, value: null, timestamp: 0, headers: [] }

  const call = async (batch: readonly Waiting[]): Promise<void> => {
    const results = await within(
      node,
      options.timers,
      node.mapper(
        batch.map(item => item.value),
        { recorded: options.recorded() },
      ),
    )
    if (results.length !== batch.length) {
      throw new TickerError(
        'BATCH_RESULTS_MISCOUNTED',
        `${node.name} gave ${results.length} results for ${batch.length} values`,
      )
    }
    batch.forEach((item, i) => {
      result.key = item.key
      result.value = results[i]
      result.timestamp = item.timestamp
      result.headers = item.headers
      options.out.forward(result)
    })
  }

  return {
    get pending() {
      return waiting.length
    },
    get full() {
      return waiting.length >= node.maxBatch
    },
    process(record) {
      if (record.value === null) return
      waiting.push({
        key: record.key,
        value: record.value,
        timestamp: record.timestamp,
        headers: record.headers,
      })
    },
    async drain() {
      const all = waiting
      waiting = []
      for (let at = 0; at < all.length; at += node.maxBatch) await call(all.slice(at, at + node.maxBatch))
    },
  }
}

async function within<T>(node: MapBatchNode, timers: Timers, call: Promise<T>): Promise<T> {
  let cancel = (): void => {}
  const expired = new Promise<never>((_, reject) => {
    cancel = timers.after(node.timeout, () =>
      reject(new TickerError('BATCH_TIMED_OUT', `${node.name} did not answer within ${node.timeout} ms`)),
    )
  })
  try {
    return await Promise.race([call, expired])
  } finally {
    cancel()
  }
}
