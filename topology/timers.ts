/** Time as the engine sees it, passed in so that a test or a simulation can be its own clock. */
export interface Timers {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls back once after so many milliseconds; the answer cancels it. */
  after(delay: number, callback: () => void): () => void
}

export const systemTimers: Timers = {
  now: () => Date.now(),
  after: (delay, callback) => {
    const timer = setTimeout(callback, delay)
    return () => clearTimeout(timer)
  },
}
