/**
 * In which order people are asked: of the windows whose two likeliest classes are closest, in turn from each wearer. Margin
 * alone (Scheffer et al., Active Hidden Markov Models for Information Extraction, IDA 2001) asks the same question many
 * times over, because what is difficult in one person stays difficult for as long as they do it. Cluster-Margin (Citovsky et al.,
 * Batch Active Learning at Scale, NeurIPS 2021) takes those with the least margin and goes round their clusters; here a
 * cluster is a wearer, so none has to be computed, and each window is chosen when it is wanted: there is no batch.
 */

/** Of windows waiting, how many with the least margin are chosen among. */
const COMPARED = 20
/** Windows asked about last, of which is counted whose they were. */
const REMEMBERED = 10

export interface QueuedWindow {
  readonly id: string
  readonly deviceId: string
  /** Distance of the two greatest probabilities, by the release that scored it last. */
  readonly margin: number
}

export class AnnotationQueue<W extends QueuedWindow> {
  /** By id. */
  readonly #waiting = new Map<string, W>()
  readonly #limit: number
  /** Whose the windows were that were asked about, the last one at the end. */
  #asked: string[] = []

  /** @param limit of windows waiting; beyond it the one with the greatest margin is let go */
  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Adds a window, or changes its margin. Answers with one that was let go for it, itself perhaps. */
  add(window: W): W | undefined {
    this.#waiting.set(window.id, window)
    if (this.#waiting.size <= this.#limit) return undefined
    let last = window
    for (const each of this.#waiting.values()) if (each.margin > last.margin) last = each
    this.#waiting.delete(last.id)
    return last
  }

  /** The window was asked about. */
  remove(id: string): void {
    const window = this.#waiting.get(id)
    if (window === undefined) return
    this.#waiting.delete(id)
    this.#asked = [...this.#asked.slice(1 - REMEMBERED), window.deviceId]
  }

  windows(): Iterable<W> {
    return this.#waiting.values()
  }

  /** The window to ask about next; it stays in the queue. @param unfit windows that are passed over */
  next(unfit: (id: string) => boolean = () => false): W | undefined {
    const nearest = [...this.#waiting.values()]
      .filter(({ id }) => !unfit(id))
      .sort((a, b) => a.margin - b.margin || (a.id < b.id ? -1 : 1))
      .slice(0, COMPARED)
    const asked = new Map<string, number>()
    for (const deviceId of this.#asked) asked.set(deviceId, (asked.get(deviceId) ?? 0) + 1)
    let best: W | undefined
    let fewest = Number.POSITIVE_INFINITY
    for (const window of nearest) {
      const count = asked.get(window.deviceId) ?? 0
      if (count >= fewest) continue
      best = window
      fewest = count
    }
    return best
  }
}
