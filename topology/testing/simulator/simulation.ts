/**
 * Simulated time: a queue of events, one thread, one seed. An event runs when it is the earliest; all promises that it
 * settles have run on before the next. Whatever waits, waits for an event, so nothing depends on real time.
 */
import { createHash, type Hash } from 'node:crypto'
import type { Timers } from '../../timers.ts'
import { mulberry32 } from '../mulberry32.ts'

/** Milliseconds since the epoch at which every simulation begins. */
export const BEGIN = 1_000_000

/** A process of the operating system, as far as events are concerned. */
export interface Process {
  readonly name: string
  /** False after kill -9, or when it has ended: nothing of it happens any more. */
  alive: boolean
  /** SIGSTOP: what happens to it waits. */
  paused: boolean
  /** What waits. */
  readonly held: (() => void)[]
}

interface Event {
  readonly time: number
  readonly order: number
  /** Whose turn it is; undefined for the network and the broker, which go on whatever happens to a process. */
  readonly process: Process | undefined
  run: (() => void) | undefined
}

export class Simulation {
  /** In [0, 1), the same ones for the same seed. */
  readonly random: () => number
  steps = 0
  readonly trace: string[] = []
  #time = BEGIN
  #order = 0
  readonly #events: Event[] = []
  readonly #digest: Hash = createHash('sha1')
  readonly #traceLines: number

  /** @param traceLines how many of the last lines of trace are kept */
  constructor(seed: number, traceLines: number) {
    this.random = mulberry32(seed)
    this.#traceLines = traceLines
  }

  /** Milliseconds since the epoch; whole, as clocks are read. */
  get now(): number {
    return Math.floor(this.#time)
  }

  /** Milliseconds since the beginning, not rounded. */
  get elapsed(): number {
    return this.#time - BEGIN
  }

  /** Runs `run` after some milliseconds; the answer cancels it. */
  after(milliseconds: number, run: () => void, process?: Process): () => void {
    const event: Event = {
      time: this.#time + Math.max(0, milliseconds),
      order: this.#order++,
      process,
      run,
    }
    push(this.#events, event)
    return () => {
      event.run = undefined
    }
  }

  /** A process's clock. */
  timersOf(process: Process): Timers {
    return {
      now: () => this.now,
      after: (delay, callback) => this.after(delay, callback, process),
    }
  }

  /** Notes what happened. Two runs of a seed must note the same. */
  note(text: string): void {
    const line = `${(this.#time - BEGIN).toFixed(2)} ${text}`
    this.#digest.update(line)
    this.trace.push(line)
    if (this.trace.length > 2 * this.#traceLines) this.trace.splice(0, this.#traceLines)
  }

  /** Of all that was noted; the simulation is over. */
  digest(): string {
    return this.#digest.digest('hex')
  }

  resume(process: Process): void {
    process.paused = false
    for (const run of process.held.splice(0)) this.after(0, run, process)
  }

  /** Runs events until `done`; false if that takes more than `limit` milliseconds of simulated time. */
  async until(done: () => boolean, limit: number): Promise<boolean> {
    const end = this.#time + limit
    // Without it time would stand still where nothing happens any more.
    const cancel = this.after(limit, () => {})
    while (!done()) {
      const event = this.#events[0]
      if (event === undefined || event.time > end) return false
      pop(this.#events)
      if (event.run === undefined) continue
      const { process, run } = event
      this.#time = event.time
      if (process?.alive === false) continue
      if (process?.paused) {
        process.held.push(run)
        continue
      }
      this.steps++
      run()
      await turn()
    }
    cancel()
    return true
  }
}

/**
 * Until all that can go on has gone on: microtasks, and the turn of the event loop that a node's loop takes between two
 * steps. That one is asked for behind ours, hence the second.
 */
function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(() => setImmediate(resolve)))
}

function isBefore(a: Event, b: Event): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}

/** A binary heap, the earliest event first. */
function push(heap: Event[], event: Event): void {
  let at = heap.length
  heap.push(event)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!isBefore(event, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = event
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let at = 0
  while (true) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
    if (!isBefore(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return first
}
