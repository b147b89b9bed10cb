/** How long a table's updates are held back, and how much of them (`KTable.suppress`). */
import { type Duration, milliseconds } from './duration.ts'
import { TickerError } from './errors.ts'

/** How much is held at most; as much as comes, if absent. */
export interface BufferLimits {
  /** Keys. */
  readonly maxRecords?: number
  /** Of keys and values, serialized. */
  readonly maxBytes?: number
}

/** What `untilWindowCloses` and `untilTimeLimit` say. */
export interface Suppression extends BufferLimits {
  /** Milliseconds an update waits; undefined for until its window closes. */
  readonly wait: number | undefined
  /** What happens beyond the limits: the oldest ones come out before their time, or the task fails. */
  readonly onFull: 'emitEarly' | 'shutDown'
}

/**
 * Each window's result once, when no record can change it any more. Beyond the limits the task fails, since anything else
 * would hand on what is not final.
 */
export function untilWindowCloses(limits: BufferLimits = {}): Suppression {
  return { ...checked(limits), wait: undefined, onFull: 'shutDown' }
}

/** At most one update of a key in so long a time. */
export function untilTimeLimit(
  wait: Duration,
  options: BufferLimits & { readonly onFull?: 'emitEarly' | 'shutDown' } = {},
): Suppression {
  const { onFull = 'emitEarly', ...limits } = options
  return { ...checked(limits), wait: milliseconds(wait), onFull }
}

function checked(limits: BufferLimits): BufferLimits {
  for (const [name, limit] of Object.entries(limits)) {
    if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) {
      throw new TickerError('TOPOLOGY_SUPPRESS_INVALID', `${name} of a suppression is ${limit}`)
    }
  }
  return limits
}
