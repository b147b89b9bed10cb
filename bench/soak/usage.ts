/** What a process holds over its life: memory, and handles (file descriptors). */
import { readdirSync, readFileSync } from 'node:fs'
import { median } from '../benchmark.ts'

/** Seconds of a life that say something about its memory: before, a process fills its heap and its caches. */
const ENOUGH = 240
/** The share of a life that is warm-up. */
const WARM_UP = 0.25
/** What is flat: the second half of the rest of a life holds hardly more than its first half. */
const GROWTH = 1.1
/** And the local database opens and closes files as it merges them. */
const FILES = 5
/** Samples of which the growth is told: it compares each with each. */
const FOR_GROWTH = 200

interface Sample {
  /** Seconds since the process began, or its load changed. */
  readonly at: number
  /** Bytes. */
  readonly memory: number
  readonly handles: number
}

export interface Holding {
  readonly firstHalf: number
  readonly secondHalf: number
  readonly most: number
  /** The median of all slopes between two samples (Theil and Sen), which outliers do not bend. */
  readonly growthPerHour: number
  /** Undefined when the life was too short. */
  readonly flat: boolean | undefined
}

export interface Life {
  readonly process: string
  readonly seconds: number
  readonly memoryMB: Holding
  readonly handles: Holding
}

export class Usage {
  readonly #process: string
  readonly #pid: number
  #began = performance.now()
  #samples: Sample[] = []

  constructor(name: string, pid: number) {
    this.#process = name
    this.#pid = pid
  }

  /** Begins anew: what was before was under another load. */
  reset(): void {
    this.#began = performance.now()
    this.#samples = []
  }

  /** Takes a sample; none of a process that is gone. */
  look(): void {
    try {
      const pages = Number(
        /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8'))?.[1],
      )
      const handles = readdirSync(`/proc/${this.#pid}/fd`).length
      if (!Number.isFinite(pages)) return
      this.#samples.push({ at: (performance.now() - this.#began) / 1000, memory: pages / 1024, handles })
    } catch {
      // It has ended in this moment.
    }
  }

  get life(): Life {
    const seconds = this.#samples.at(-1)?.at ?? 0
    const warm = this.#samples.filter(({ at }) => at >= seconds * WARM_UP)
    const enough = seconds >= ENOUGH
    const of = (
      value: (sample: Sample) => number,
      flat: (first: number, second: number) => boolean,
    ): Holding =>
      holding(
        warm.map(sample => [sample.at, value(sample)]),
        (first, second) => (enough ? flat(first, second) : undefined),
      )
    return {
      process: this.#process,
      seconds: Math.round(seconds),
      memoryMB: of(
        ({ memory }) => memory,
        (first, second) => second <= first * GROWTH,
      ),
      handles: of(
        ({ handles }) => handles,
        (first, second) => second <= first * GROWTH + FILES,
      ),
    }
  }
}

type Point = readonly [at: number, value: number]

/** @internal exported for its test */
export function holding(
  points: readonly Point[],
  flat: (first: number, second: number) => boolean | undefined,
): Holding {
  const values = points.map(([, value]) => value)
  const middle = values.length >> 1
  const firstHalf = rounded(median(values.slice(0, middle)))
  const secondHalf = rounded(median(values.slice(middle)))
  return {
    firstHalf,
    secondHalf,
    most: rounded(Math.max(...values)),
    growthPerHour: rounded(3600 * slope(points)),
    flat: flat(firstHalf, secondHalf),
  }
}

function slope(points: readonly Point[]): number {
  const step = Math.ceil(points.length / FOR_GROWTH)
  const some = points.filter((_, i) => i % step === 0)
  const slopes = some.flatMap(([at, value], i) =>
    some.slice(i + 1).map(([later, other]) => (other - value) / (later - at)),
  )
  return slopes.length === 0 ? 0 : median(slopes)
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
