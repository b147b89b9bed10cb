/**
 * Gathers records into batches for an asynchronous function, and hands its results on in the order the records came.
 *
 * A full batch is called for at once, and a smaller one when nothing more comes for now, or a commit needs it; up to
 * `maxInFlight` calls are under way while the next batch gathers. Results wait
 * for those before them, so all of a key's records stay in order. When every call is under way and a batch is full, the
 * operator is `full`: the task takes no more until the oldest call has answered. So at most maxBatch × (maxInFlight + 1)
 * records are held.
 */
import { TickerError } from '../errors.ts'
import type { Headers } from '../log/log.ts'
import type { MapBatchNode } from '../nodes/streams.ts'
import type { StreamRecord } from '../record.ts'
import type { Timers } from '../timers.ts'
import type { AsyncOperator, OutputPort } from './operator.ts'

/** Milliseconds that the back-off between two attempts grows to at most. */
const MAX_BACK_OFF = 60_000

interface Waiting {
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: number
  readonly headers: Headers
}

/** A call under way, or answered and waiting for those before it. */
interface Flight {
  readonly batch: readonly Waiting[]
  /** Never rejects: a failure is thrown where the results would be handed on. */
  readonly settled: Promise<void>
  answer: { readonly results: readonly unknown[] } | { readonly error: unknown } | undefined
}

export function mapBatch(
  node: MapBatchNode,
  options: { out: OutputPort; timers: Timers; recorded: () => unknown },
): AsyncOperator {
  const { out, timers } = options
  const gathered: Waiting[] = []
  /** In the order of their records. */
  let flights: Flight[] = []
  let pending = 0
  const closing = new AbortController()
  const result: StreamRecord = { key: null, value: null, timestamp: 0, headers: [] }

  const depart = (): void => {
    const batch = gathered.splice(0, node.maxBatch)
    const call = attempt(node, { timers, recorded: options.recorded(), signal: closing.signal }, batch)
    const flight: Flight = {
      batch,
      answer: undefined,
      settled: call.then(
        results => {
          flight.answer = { results }
        },
        error => {
          flight.answer = { error }
        },
      ),
    }
    flights.push(flight)
  }

  const departIfFull = (): void => {
    if (gathered.length >= node.maxBatch && flights.length < node.maxInFlight) depart()
  }

  const handOn = (): void => {
    for (let first = flights[0]; first?.answer !== undefined; first = flights[0]) {
      const { batch, answer } = first
      // It stays the first, for all who wait: one of them alone would leave the others waiting for nothing.
      if ('error' in answer) throw answer.error
      flights.shift()
      pending -= batch.length
      for (const [i, item] of batch.entries()) {
        result.key = item.key
        result.value = answer.results[i]
        result.timestamp = item.timestamp
        result.headers = item.headers
        out.forward(result)
      }
      departIfFull()
    }
  }

  const pauses = Array.from({ length: node.attempts - 1 }, (_, i) => pauseAfter(node, i + 1))
  const patience = pauses.reduce((sum, pause) => sum + pause, node.attempts * node.timeout)

  return {
    patience,
    get pending() {
      return pending
    },
    get full() {
      return gathered.length >= node.maxBatch
    },
    process({ key, value, timestamp, headers }) {
      if (value === null) return
      gathered.push({ key, value, timestamp, headers })
      pending++
      departIfFull()
    },
    handOn,
    begin() {
      // Behind another call it may gather on: each costs something by itself.
      if (gathered.length > 0 && flights.length === 0) depart()
    },
    async relieve() {
      await flights[0]?.settled
      handOn()
    },
    async drain() {
      while (pending > 0 && !closing.signal.aborted) {
        while (gathered.length > 0 && flights.length < node.maxInFlight) depart()
        await flights[0]?.settled
        handOn()
      }
    },
    close() {
      closing.abort()
      flights = []
    },
  }
}

interface Attempts {
  readonly timers: Timers
  readonly recorded: unknown
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

/** Calls the function, again after a while when it rejects or takes too long, as often as the node says. */
async function attempt(
  node: MapBatchNode,
  attempts: Attempts,
  batch: readonly Waiting[],
): Promise<readonly unknown[]> {
  const { timers, recorded, signal } = attempts
  const values = batch.map(item => item.value)
  for (let tried = 1; ; tried++) {
    try {
      // In an async function, so that what is thrown at once is a rejection too.
      const call = (async () => node.mapper(values, { recorded }))()
      const results = await within(node, attempts, call)
      if (results.length === batch.length) return results
      throw new TickerError(
        'BATCH_RESULTS_MISCOUNTED',
        `${node.name} gave ${results.length} results for ${batch.length} values`,
      )
    } catch (error) {
      const isDefect = error instanceof TickerError && error.code === 'BATCH_RESULTS_MISCOUNTED'
      if (isDefect || tried >= node.attempts || signal.aborted) throw failure(node, error)
    }
    await timer(pauseAfter(node, tried), timers, signal).elapsed
    signal.throwIfAborted()
  }
}

function pauseAfter({ backOff }: MapBatchNode, attempts: number): number {
  return Math.min(backOff * 2 ** (attempts - 1), MAX_BACK_OFF)
}

/** Time that passes at once when nobody waits for the answer any more. */
function timer(ms: number, timers: Timers, signal: AbortSignal): { elapsed: Promise<void>; cancel(): void } {
  let cancel = (): void => {}
  const elapsed = new Promise<void>(resolve => {
    const end = (): void => {
      cancel()
      resolve()
    }
    const stop = timers.after(ms, end)
    signal.addEventListener('abort', end)
    cancel = () => {
      stop()
      signal.removeEventListener('abort', end)
    }
  })
  return { elapsed, cancel: () => cancel() }
}

async function within<T>(node: MapBatchNode, { timers, signal }: Attempts, call: Promise<T>): Promise<T> {
  const limit = timer(node.timeout, timers, signal)
  const expired = limit.elapsed.then((): never => {
    throw new TickerError('BATCH_TIMED_OUT', `${node.name} did not answer within ${node.timeout} ms`)
  })
  try {
    return await Promise.race([call, expired])
  } finally {
    limit.cancel()
  }
}

function failure(node: MapBatchNode, error: unknown): unknown {
  if (error instanceof TickerError) return error
  const what = error instanceof Error ? error.message : String(error)
  return new TickerError('BATCH_FAILED', `${node.name}: ${what}`, { cause: error })
}
