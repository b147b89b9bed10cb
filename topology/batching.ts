/** How `mapBatch` calls its function. */
import { type Duration, milliseconds } from './duration.ts'
import { TickerError } from './errors.ts'
import type { MapBatchNode } from './nodes/streams.ts'
import type { RecordedInput } from './recorded.ts'

export interface MapBatchOptions<D> {
  /** Values in one call at most. Default 64. */
  readonly maxBatch?: number
  /** Calls under way at once. Default 1. */
  readonly maxInFlight?: number
  /** For each call. Default 30 s. */
  readonly timeout?: Duration
  /** Default: one attempt. `backOff` is 100 ms unless given. */
  readonly retry?: { readonly attempts: number; readonly backOff?: Duration }
  readonly recorded?: RecordedInput<D>
}

/** @throws TickerError TOPOLOGY_BATCH_INVALID, TOPOLOGY_DURATION_INVALID */
export function batching(
  name: string,
  options: Omit<MapBatchOptions<unknown>, 'recorded'>,
): Pick<MapBatchNode, 'maxBatch' | 'maxInFlight' | 'timeout' | 'attempts' | 'backOff'> {
  const { maxBatch = 64, maxInFlight = 1, timeout = '30 s', retry = { attempts: 1 } } = options
  const counts = { maxBatch, maxInFlight, 'retry.attempts': retry.attempts }
  for (const [option, count] of Object.entries(counts)) {
    if (Number.isSafeInteger(count) && count > 0) continue
    throw new TickerError('TOPOLOGY_BATCH_INVALID', `${name}: ${option} is ${count}`)
  }
  return {
    maxBatch,
    maxInFlight,
    timeout: milliseconds(timeout, `${name}, timeout`),
    attempts: retry.attempts,
    backOff: milliseconds(retry.backOff ?? '100 ms', `${name}, retry.backOff`),
  }
}
