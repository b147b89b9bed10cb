/** Runs `run` after some milliseconds (0: in a later turn of the event loop, never at once); calling the result cancels it. */
export type After = (milliseconds: number, run: () => void) => () => void

/** The event loop's own timers. */
export const realTimers: After = (milliseconds, run) => {
  if (milliseconds <= 0) {
    const immediate = setImmediate(run)
    return () => clearImmediate(immediate)
  }
  const timer = setTimeout(run, milliseconds)
  return () => clearTimeout(timer)
}

/** Those who wait until something in the log has changed: polls for records, sends for room. */
export class Waiters {
  readonly #after: After
  readonly #waiting = new Set<{ ready: () => boolean; wake: () => void }>()

  constructor(after: After) {
    this.#after = after
  }

  /** Resolves in a later turn of the event loop, so that a loop over this log never keeps others from running. */
  turn(): Promise<void> {
    return new Promise(resolve => this.#after(0, resolve))
  }

  /** Resolves when `ready` holds, at the latest after `milliseconds`. */
  until(ready: () => boolean, milliseconds: number): Promise<void> {
    if (ready() || milliseconds <= 0) return Promise.resolve()
    return new Promise(resolve => {
      const waiter = {
        ready,
        wake: () => {
          this.#waiting.delete(waiter)
          cancel()
          resolve()
        },
      }
      const cancel = this.#after(milliseconds, waiter.wake)
      this.#waiting.add(waiter)
    })
  }

  /** To be called after every change that someone may wait for. */
  notify(): void {
    for (const waiter of this.#waiting) if (waiter.ready()) waiter.wake()
  }
}
