/**
 * Up to when a task knows that nothing came for it. A queue that is empty says little: behind it may lie what was not
 * fetched yet, after a restart ten minutes of it. So now and then the log is asked for its ends; once the task has
 * processed all up to there, it has seen everything that was in the log when it asked.
 */
import type { Admin, CommittedOffset, TopicPartition } from './log/log.ts'
import type { Timers } from './timers.ts'

/** Milliseconds from one question to the next. */
const INTERVAL = 250

export class CaughtUp {
  /** On the wall; -Infinity before it is known for the first time. */
  at = Number.NEGATIVE_INFINITY
  readonly #inputs: readonly TopicPartition[]
  readonly #offsets: Admin['offsets']
  readonly #timers: Timers
  /** When the log was last asked, and what it answered. */
  #asked = Number.NEGATIVE_INFINITY
  #ends: readonly CommittedOffset[] | undefined

  constructor(inputs: readonly TopicPartition[], options: { offsets: Admin['offsets']; timers: Timers }) {
    this.#inputs = inputs
    this.#offsets = options.offsets
    this.#timers = options.timers
  }

  /** To be told now and then how far the task is. */
  observe(positions: readonly CommittedOffset[]): void {
    if (this.#ends?.every(end => isReached(end, positions))) {
      this.at = this.#asked
      this.#ends = undefined
    }
    const now = this.#timers.now()
    // A new answer before the last one is reached would put it off for ever where records keep coming.
    if (this.#ends !== undefined || now - this.#asked < INTERVAL) return
    this.#asked = now
    void this.#ask(now)
  }

  async #ask(now: number): Promise<void> {
    try {
      const ends = await Promise.all(
        this.#inputs.map(async ({ topic, partition }) => {
          const found = (await this.#offsets(topic)).find(each => each.partition === partition)
          return { topic, partition, position: found?.end ?? 0 }
        }),
      )
      // If it took so long that it was asked again, that answer counts.
      if (this.#asked === now) this.#ends = ends
    } catch {
      // The log is out of reach: nothing is known, and it is asked again.
    }
  }
}

function isReached(end: CommittedOffset, positions: readonly CommittedOffset[]): boolean {
  const position = positions.find(
    ({ topic, partition }) => topic === end.topic && partition === end.partition,
  )
  return (position?.position ?? 0) >= end.position
}
