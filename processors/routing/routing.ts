/**
 * Which windows a person is asked about. The release says which are unsure (thresholds of calibrated probability and
 * margin); a budget bounds how many of those are asked about in an hour of event time; and a random arm is asked about
 * however sure the model is, because accuracy measured on windows chosen for being difficult is biased.
 */
import { createHash } from 'node:crypto'
import { KeyValueStore, long } from '../../topology/index.ts'
import { ApplicationError } from '../errors.ts'

export interface RoutingPolicy {
  /** Unsure windows that people are asked about per hour of event time, by all tasks together. */
  readonly requestsPerHour: number
  /** Share of all windows, 0 to 1, that is asked about at random; beside the budget. */
  readonly randomShare: number
  /** Another seed draws other windows. */
  readonly seed: number
}

/** About what one person does in passing, and one window in a hundred at random. */
export const defaultPolicy: RoutingPolicy = { requestsPerHour: 240, randomShare: 0.01, seed: 1 }

/** How a window was routed; as in Prediction.avsc. */
export type Route = 'sure' | 'unsure' | 'unsureOverBudget' | 'randomArm'

/** How many requests each hour of event time has had: hours since the epoch → count. */
export type RequestCounts = KeyValueStore<number, number>

export function requestCounts(name: string): RequestCounts {
  return new KeyValueStore({ name, key: long, value: long })
}

const HOUR = 3_600_000
/** Hours counted in a task, some six weeks. Devices' clocks differ, so the newest alone would not do. */
const HOURS_KEPT = 1000

export interface Window {
  readonly deviceId: string
  /** Inclusive, ms since the epoch. */
  readonly windowStart: number
  /** What the release's thresholds say of it. */
  readonly route: 'sure' | 'unsure'
}

/**
 * The router of one task: a function of the windows it is given, in their order, and of `counts`, which is state; so a
 * restart goes on, and a replay decides alike.
 * @param tasks among which the budget is divided
 * @throws ApplicationError ROUTING_INVALID
 */
export function router(
  policy: RoutingPolicy,
  tasks: number,
): (window: Window, counts: RequestCounts) => Route {
  const { requestsPerHour, randomShare, seed } = policy
  const budget = Math.floor(requestsPerHour / tasks)
  if (!(requestsPerHour >= 0 && (budget >= 1 || requestsPerHour === 0)))
    throw new ApplicationError(
      'ROUTING_INVALID',
      `${requestsPerHour} requests per hour cannot be divided among ${tasks} partitions`,
    )
  if (!(randomShare >= 0 && randomShare <= 1))
    throw new ApplicationError('ROUTING_INVALID', `the random share is ${randomShare}, not from 0 to 1`)

  return (window, counts) => {
    if (drawn(window, seed) < randomShare) return 'randomArm'
    if (window.route === 'sure') return 'sure'
    return spend(counts, Math.floor(window.windowStart / HOUR), budget) ? 'unsure' : 'unsureOverBudget'
  }
}

/** Uniform in [0, 1): depends on the window alone, not on the model that scores it. */
export function drawn({ deviceId, windowStart }: Omit<Window, 'route'>, seed: number): number {
  const hash = createHash('sha256').update(`${seed} ${windowStart} ${deviceId}`).digest()
  return hash.readUIntBE(0, 6) / 2 ** 48
}

/** Whether the hour had some of its budget left. Nothing is left of hours older than all that are counted. */
function spend(counts: RequestCounts, hour: number, budget: number): boolean {
  const spent = counts.get(hour)?.value ?? 0
  if (spent >= budget) return false
  if (spent === 0 && counts.size >= HOURS_KEPT) {
    const [oldest] = counts.entries()
    if (oldest === undefined || oldest.key > hour) return false
    counts.delete(oldest.key)
  }
  counts.put(hour, spent + 1, hour * HOUR)
  return true
}
