/**
 * In which order people are asked: the windows whose two likeliest classes are closest (margin sampling; Scheffer et al.,
 * Active Hidden Markov Models for Information Extraction, IDA 2001), but of those the one that is least like what was
 * asked already: margin alone asks the same question many times over, and neighbouring windows are half the same samples.
 * Filtering by margin first and choosing for diversity among those left is the scheme of Zhdanov, Diverse Mini-batch Active
 * Learning (2019); the choice is farthest-first (Gonzalez 1985; core-sets of Sener and Savarese, ICLR 2018), which needs
 * no batch: each window is chosen when it is wanted.
 */

/** Of windows waiting, how many with the least margin are compared. */
const COMPARED = 50
/** Windows asked about that are remembered, to ask about others. */
const REMEMBERED = 500

export interface QueuedWindow {
  readonly id: string
  /** Distance of the two greatest probabilities, by the release that scored it last. */
  readonly margin: number
  readonly features: Float32Array
}

export class AnnotationQueue {
  /** By id. */
  readonly #waiting = new Map<string, QueuedWindow>()
  readonly #limit: number
  #asked: Float32Array[] = []
  #scale = new Scale(0)

  /** @param limit of windows waiting; beyond it the one with the greatest margin is let go */
  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Adds a window, or changes its margin. Answers with the id of one that was let go for it, its own perhaps. */
  add(window: QueuedWindow): string | undefined {
    if (!this.#waiting.has(window.id)) this.#learnScale(window.features)
    this.#waiting.set(window.id, window)
    if (this.#waiting.size <= this.#limit) return undefined
    let last = window
    for (const each of this.#waiting.values()) if (each.margin > last.margin) last = each
    this.#waiting.delete(last.id)
    return last.id
  }

  /** The window was asked about, or need not be any more: in the first case others should be unlike it. */
  remove(id: string, { asked }: { readonly asked: boolean }): void {
    const window = this.#waiting.get(id)
    if (window === undefined) return
    this.#waiting.delete(id)
    if (asked) this.#asked = [...this.#asked.slice(1 - REMEMBERED), window.features]
  }

  windows(): Iterable<QueuedWindow> {
    return this.#waiting.values()
  }

  /** The window to ask about next; it stays in the queue. @param unfit windows that are passed over */
  next(unfit: (id: string) => boolean = () => false): string | undefined {
    const nearest = [...this.#waiting.values()]
      .filter(({ id }) => !unfit(id))
      .sort((a, b) => a.margin - b.margin || (a.id < b.id ? -1 : 1))
      .slice(0, COMPARED)
    const asked = this.#asked.map(features => this.#scale.apply(features))
    let best: QueuedWindow | undefined
    let farthest = Number.NEGATIVE_INFINITY
    for (const window of nearest) {
      const distance = distanceToNearest(this.#scale.apply(window.features), asked)
      if (distance <= farthest) continue
      best = window
      farthest = distance
    }
    return best?.id
  }

  #learnScale(features: Float32Array): void {
    if (this.#scale.width !== features.length) {
      this.#scale = new Scale(features.length)
      this.#asked = []
    }
    this.#scale.learn(features)
  }
}

/** Squared; infinite where there is none. */
function distanceToNearest(point: Float32Array, others: readonly Float32Array[]): number {
  let least = Number.POSITIVE_INFINITY
  for (const other of others) {
    let sum = 0
    for (let i = 0; i < point.length && sum < least; i++) sum += (point[i]! - other[i]!) ** 2
    if (sum < least) least = sum
  }
  return least
}

/** Features are of many units: each is counted in its standard deviations, and at most five of them (Welford 1962). */
class Scale {
  readonly width: number
  readonly #mean: Float64Array
  readonly #squares: Float64Array
  #count = 0

  constructor(width: number) {
    this.width = width
    this.#mean = new Float64Array(width)
    this.#squares = new Float64Array(width)
  }

  learn(features: Float32Array): void {
    this.#count++
    for (let i = 0; i < this.width; i++) {
      const before = features[i]! - this.#mean[i]!
      this.#mean[i]! += before / this.#count
      this.#squares[i]! += before * (features[i]! - this.#mean[i]!)
    }
  }

  apply(features: Float32Array): Float32Array {
    return features.map((value, i) => {
      const deviation = Math.sqrt(this.#squares[i]! / this.#count)
      return deviation > 0 ? Math.max(-5, Math.min(5, (value - this.#mean[i]!) / deviation)) : 0
    })
  }
}
