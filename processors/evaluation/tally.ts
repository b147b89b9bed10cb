/** What scored windows whose label is known say of a classifier; counted as they come, none is kept. */

/** Bins of equal width, of the calibration error. */
const BINS = 15

export interface Scored {
  readonly label: string
  /** Calibrated probability of that label. */
  readonly confidence: number
  /** unsure: it would go to a person. */
  readonly route: 'sure' | 'unsure'
}

export interface ClassMetrics {
  /** That are of this class. */
  readonly windows: number
  /** Share of the windows predicted as this class that are of it; null if none was. */
  readonly precision: number | null
  /** Share of this class's windows that were predicted as it; null if there are none. */
  readonly recall: number | null
  /** Harmonic mean of the two; null where the class neither occurs nor was predicted. */
  readonly f1: number | null
}

/** Shares are within [0, 1]; null where they are shares of nothing. */
export interface Metrics {
  /** How many were scored. */
  readonly windows: number
  /** Share of windows predicted right. */
  readonly accuracy: number
  /** Mean of the F1 of all classes that occur or were predicted. */
  readonly macroF1: number
  readonly perClass: Readonly<Record<string, ClassMetrics>>
  /** Windows by true class (a row each) and predicted class (a column each), in the order of `labels`. */
  readonly confusion: { readonly labels: readonly string[]; readonly counts: readonly (readonly number[])[] }
  /** Share of windows that go to a person, as the release's thresholds say. */
  readonly routedShare: number
  /** Share of those that were predicted right. */
  readonly routedAccuracy: number | null
  /** Share of the others that were predicted right. */
  readonly acceptedAccuracy: number | null
  /**
   * Expected calibration error of the label predicted: |confidence − accuracy|, averaged over 15 bins of equal width by their
   * windows, all windows pooled (Guo et al., On Calibration of Modern Neural Networks, ICML 2017).
   */
  readonly calibrationError: number
}

export class Tally {
  readonly #labels: readonly string[]
  readonly #places: ReadonlyMap<string, number>
  /** [true class][predicted class]. */
  readonly #counts: number[][]
  /** Per bin, the sum of confidence − (1 if right). */
  readonly #gaps = new Float64Array(BINS)
  #routed = { windows: 0, right: 0 }

  constructor(labels: readonly string[]) {
    this.#labels = labels
    this.#places = new Map(labels.map((label, place) => [label, place]))
    this.#counts = labels.map(() => labels.map(() => 0))
  }

  /** Both labels are among those given. */
  add(truth: string, { label, confidence, route }: Scored): void {
    const right = Number(label === truth)
    this.#counts[this.#places.get(truth)!]![this.#places.get(label)!]!++
    this.#gaps[Math.min(Math.floor(confidence * BINS), BINS - 1)]! += confidence - right
    if (route === 'sure') return
    this.#routed.windows++
    this.#routed.right += right
  }

  get windows(): number {
    return sum(this.#counts.map(sum))
  }

  /** Of at least one window. */
  metrics(): Metrics {
    const { windows } = this
    const right = sum(this.#labels.map((_, i) => this.#counts[i]![i]!))
    const perClass = this.#labels.map((_, i) => this.#ofClass(i))
    const f1s = perClass.flatMap(({ f1 }) => f1 ?? [])
    const routed = this.#routed
    return {
      windows,
      accuracy: right / windows,
      macroF1: sum(f1s) / f1s.length,
      perClass: Object.fromEntries(perClass.map((metrics, i) => [this.#labels[i]!, metrics])),
      confusion: { labels: this.#labels, counts: this.#counts },
      routedShare: routed.windows / windows,
      routedAccuracy: share(routed.right, routed.windows),
      acceptedAccuracy: share(right - routed.right, windows - routed.windows),
      calibrationError: sum([...this.#gaps].map(Math.abs)) / windows,
    }
  }

  #ofClass(place: number): ClassMetrics {
    const hits = this.#counts[place]![place]!
    const windows = sum(this.#counts[place]!)
    const predicted = sum(this.#counts.map(row => row[place]!))
    return {
      windows,
      precision: share(hits, predicted),
      recall: share(hits, windows),
      f1: share(2 * hits, windows + predicted),
    }
  }
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
