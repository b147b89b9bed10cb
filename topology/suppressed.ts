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
 * @throws TickerError TOPOLOGY_SUPPRESS_INVALID
 *
 * @example
 * ```ts
 * builder
 *   .stream('pulses', { key: string, value: long })
 *   .groupByKey()
 *   .window('per-minute', tumbling({ size: '1 m', grace: 0 }))
 *   .count()
 *   .suppress('final', untilWindowCloses({ maxRecords: 100_000 }))
 *   .toStream()
 *   .forEach((count, { key, start }) => console.log(key, start, count))
 *
 * const driver = await TopologyTestDriver.start(builder.build())
 * await driver.pipe('pulses', { key: 'anna', value: 90, timestamp: 0 })
 * await driver.pipe('pulses', { key: 'anna', value: 91, timestamp: 1000 })
 * await driver.pipe('pulses', { key: 'anna', value: 92, timestamp: 60_000 })
 * // → anna 0 2
 * ```
 */
export function untilWindowCloses(limits: BufferLimits = {}): Suppression {
  return { ...checked(limits), wait: undefined, onFull: 'shutDown' }
}

/**
 * At most one update of a key in so long a time, counted from the first one held. Beyond the limits the oldest come out
 * early, or with `onFull: 'shutDown'` the task fails.
 * @throws TickerError TOPOLOGY_SUPPRESS_INVALID, TOPOLOGY_DURATION_INVALID
 *
 * @example
 * ```ts
 * builder
 *   .table('rooms', { key: string, value: string })
 *   .suppress('calm', untilTimeLimit('1 m', { maxRecords: 1000 }))
 *   .toStream()
 *   .forEach((room, person, timestamp) => console.log(person, room, timestamp))
 *
 * const driver = await TopologyTestDriver.start(builder.build())
 * await driver.pipe('rooms', { key: 'anna', value: 'kitchen', timestamp: 0 })
 * await driver.pipe('rooms', { key: 'anna', value: 'garden', timestamp: 30_000 })
 * await driver.pipe('rooms', { key: 'bert', value: 'kitchen', timestamp: 60_000 })
 * // → anna garden 30000
 * ```
 */
export function untilTimeLimit(
  wait: Duration,
  options: BufferLimits & { readonly onFull?: 'emitEarly' | 'shutDown' } = {},
): Suppression {
  const { onFull = 'emitEarly', ...limits } = options
  return { ...checked(limits), wait: milliseconds(wait, 'time limit of a suppression'), onFull }
}

function checked(limits: BufferLimits): BufferLimits {
  for (const [name, limit] of Object.entries(limits)) {
    if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) {
      throw new TickerError('TOPOLOGY_SUPPRESS_INVALID', `${name} of a suppression is ${limit}`)
    }
  }
  return limits
}
