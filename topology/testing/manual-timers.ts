import type { Timers } from '../timers.ts'

/** A clock that moves only when told. */
export class ManualTimers implements Timers {
  #now: number
  #waiting: { readonly due: number; readonly callback: () => void }[] = []

  constructor(start = 0) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  after(delay: number, callback: () => void): () => void {
    const entry = { due: this.#now + delay, callback }
    this.#waiting.push(entry)
    return () => {
      this.#waiting = this.#waiting.filter(each => each !== entry)
    }
  }

  /** Moves the clock on, calling back what becomes due in order of its time. */
  advance(ms: number): void {
    const end = this.#now + ms
    while (true) {
      const next = this.#waiting.filter(each => each.due <= end).sort((a, b) => a.due - b.due)[0]
      if (next === undefined) break
      this.#waiting = this.#waiting.filter(each => each !== next)
      this.#now = Math.max(this.#now, next.due)
      next.callback()
    }
    this.#now = end
  }
}
