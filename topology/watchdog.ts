/**
 * Ends a node that makes no progress although it should, and says what stands still: a step of a thread's loop that does not
 * return, a commit or the start of a task that does not end, a task that takes no records although some wait, or waits for
 * something that neither comes nor fails. Silence would look like an empty input.
 *
 * What waits for others and says so itself does not count: a task whose schema is asked for again and again, a member that
 * the group has given nothing. An asynchronous operator has time-outs of its own, which are waited for as well.
 */
import { TickerError } from './errors.ts'
import type { Admin, TopicPartition } from './log/log.ts'
import type { Timers } from './timers.ts'

/** Looks within the time after which something counts as stuck. */
const LOOKS = 4

/** Something that should move on, as a thread sees it. */
export interface Activity {
  /** In words, such as `the commit of task 0_1`. */
  readonly what: string
  /** Changes with every progress. */
  readonly progress: unknown
  /** Milliseconds that it may stand still beyond the time-out. */
  readonly patience?: number
  /** Positions of the next records, where it is only stuck if there are any beyond. */
  readonly positions?: readonly (TopicPartition & { readonly position: number })[]
}

export interface WatchdogOptions {
  readonly timers: Timers
  /** Milliseconds without progress. */
  readonly timeout: number
  readonly admin: Pick<Admin, 'offsets'>
  readonly activities: () => readonly Activity[]
}

export class Watchdog {
  readonly #options: WatchdogOptions
  #seen = new Map<string, { readonly progress: unknown; readonly since: number }>()
  #cancel = (): void => {}
  #stopped = false

  constructor(options: WatchdogOptions) {
    this.#options = options
  }

  /** Rejects when something is stuck; never resolves. @throws TickerError NODE_STALLED */
  watch(): Promise<never> {
    const { timers, timeout } = this.#options
    return new Promise((_, reject) => {
      const look = (): void => {
        if (this.#stopped) return
        this.#cancel = timers.after(timeout / LOOKS, look)
        // A look that the log does not answer holds up none of the next ones.
        this.#look().catch(reject)
      }
      this.#cancel = timers.after(timeout / LOOKS, look)
    })
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  async #look(): Promise<void> {
    const now = this.#options.timers.now()
    const before = this.#seen
    this.#seen = new Map()
    const stuck: Activity[] = []
    for (const activity of this.#options.activities()) {
      const { what, progress, patience = 0 } = activity
      const known = before.get(what)
      const since = known !== undefined && known.progress === progress ? known.since : now
      this.#seen.set(what, { progress, since })
      if (now - since >= this.#options.timeout + patience) stuck.push(activity)
    }
    for (const { what, positions, patience = 0 } of stuck) {
      const waiting = positions === undefined ? undefined : await this.#waiting(positions)
      if (waiting === 0 || this.#stopped) continue
      const although = waiting === undefined ? '' : `, although ${waiting} records wait`
      const message = `${what} has made no progress for ${this.#options.timeout + patience} ms${although}`
      throw new TickerError('NODE_STALLED', message)
    }
  }

  /** Records beyond the positions; none if the log does not answer, which is not for us to say. */
  async #waiting(positions: NonNullable<Activity['positions']>): Promise<number> {
    let waiting = 0
    for (const { topic, partition, position } of positions) {
      const offsets = await this.#options.admin.offsets(topic).catch(() => [])
      waiting += Math.max(0, (offsets.find(each => each.partition === partition)?.end ?? 0) - position)
    }
    return waiting
  }
}
