import type { FeatureSchema } from './schema.ts'
import { spectrum } from './spectrum.ts'

interface Autocorrelation {
  readonly values: Float64Array
  count: number
  firstLag: number
  lastLag: number
}

/**
 * One channel of one window: its samples present, its moments, its grid and its spectrum (their rules: features.json).
 *
 * One object serves all channels of all windows: `load` fills it, and what several statistics need is computed once,
 * when first asked for. Its arrays are longer than what they hold; `count` and `gridCount` say how far they are valid.
 */
export class Series {
  readonly schema: FeatureSchema
  /** Samples present. */
  count = 0
  readonly values: Float64Array
  /** Of those samples, ms since the start of the window. */
  readonly times: Float64Array
  mean = 0
  /** Central moments, divided by n. */
  variance = 0
  third = 0
  fourth = 0
  constant = true

  gridCount = 0
  gridEnergy = 0
  gridConstant = true
  totalPower = 0

  /** Hz, of the spectrum's bins. */
  readonly frequencies: Float64Array
  readonly #sorted: Float64Array
  readonly #grid: Float64Array
  readonly #gridDeviations: Float64Array
  readonly #power: Float64Array
  readonly #correlation: Autocorrelation
  readonly #transform: ReturnType<typeof spectrum>
  #sortedReady = false
  #gridReady = false
  #powerReady = false

  /** For windows of at most `capacity` samples. */
  constructor(schema: FeatureSchema, capacity: number) {
    this.schema = schema
    this.values = new Float64Array(capacity)
    this.times = new Float64Array(capacity)
    this.#sorted = new Float64Array(capacity)
    const points = Math.round(schema.seconds * schema.hertz)
    const bins = schema.transformLength / 2
    this.frequencies = Float64Array.from(
      { length: bins },
      (_, k) => ((k + 1) * schema.hertz) / schema.transformLength,
    )
    this.#grid = new Float64Array(points)
    this.#gridDeviations = new Float64Array(points)
    this.#power = new Float64Array(bins)
    this.#correlation = { values: new Float64Array(points), count: 0, firstLag: 0, lastLag: 0 }
    this.#transform = spectrum(schema.transformLength)
  }

  /** Takes the samples of `column` that are present; `timestamps` and `start` in ms since the epoch. */
  load(column: Float64Array, timestamps: Float64Array, start: number, count: number): void {
    const { values, times } = this
    let present = 0
    let sum = 0
    for (let i = 0; i < count; i++) {
      const value = column[i]!
      if (Number.isNaN(value)) continue
      values[present] = value
      times[present] = timestamps[i]! - start
      sum += value
      present++
    }
    this.count = present
    this.#sortedReady = this.#gridReady = this.#powerReady = false
    if (present === 0) return
    const mean = sum / present
    let second = 0
    let third = 0
    let fourth = 0
    for (let i = 0; i < present; i++) {
      const deviation = values[i]! - mean
      const square = deviation * deviation
      second += square
      third += square * deviation
      fourth += square * square
    }
    this.mean = mean
    this.variance = second / present
    this.third = third / present
    this.fourth = fourth / present
    this.constant = isConstant(this.schema, mean, this.variance)
  }

  /** Ascending; the first `count` are valid. */
  get sorted(): Float64Array {
    if (this.#sortedReady) return this.#sorted
    this.#sortedReady = true
    const { count, values } = this
    const sorted = this.#sorted
    if (count > 128) {
      sorted.set(values)
      sorted.subarray(0, count).sort()
      return sorted
    }
    // By insertion: for the 50 samples of a usual window faster than the built-in sort, and nothing is allocated.
    for (let i = 0; i < count; i++) {
      const value = values[i]!
      let j = i - 1
      while (j >= 0 && sorted[j]! > value) {
        sorted[j + 1] = sorted[j]!
        j--
      }
      sorted[j + 1] = value
    }
    return sorted
  }

  /** Evenly spaced; the first `gridCount` are valid. */
  get grid(): Float64Array {
    if (!this.#gridReady) this.#layGrid()
    return this.#grid
  }

  /** The grid less its own mean. */
  get gridDeviations(): Float64Array {
    if (!this.#gridReady) this.#layGrid()
    return this.#gridDeviations
  }

  /** Per bin; all 0 where the grid is constant. */
  get power(): Float64Array {
    const power = this.#power
    if (this.#powerReady) return power
    this.#powerReady = true
    const deviations = this.gridDeviations
    this.totalPower = 0
    if (this.gridConstant) return power.fill(0)
    this.#transform(deviations, this.gridCount, power)
    for (let k = 0; k < power.length; k++) this.totalPower += power[k]!
    return power
  }

  /**
   * Autocorrelation at the lags from … to (seconds): `count` values, as many as the grid is long enough for, none
   * where it is constant. Kept until other lags are asked for: its peak and the lag of it are two statistics.
   */
  autocorrelation(from: number, to: number): Readonly<Autocorrelation> {
    const deviations = this.gridDeviations
    const firstLag = Math.floor(from * this.schema.hertz + 0.5)
    const lastLag = Math.min(Math.floor(to * this.schema.hertz + 0.5), this.gridCount - 1)
    const result = this.#correlation
    if (result.firstLag === firstLag && result.lastLag === lastLag) return result
    result.firstLag = firstLag
    result.lastLag = lastLag
    result.count = 0
    if (this.gridConstant) return result
    for (let lag = firstLag; lag <= lastLag; lag++) {
      let sum = 0
      for (let i = lag; i < this.gridCount; i++) sum += deviations[i]! * deviations[i - lag]!
      result.values[result.count++] = sum / this.gridEnergy
    }
    return result
  }

  #layGrid(): void {
    this.#gridReady = true
    const { count, times, values } = this
    const grid = this.#grid
    const deviations = this.#gridDeviations
    const first = times[0]!
    const { hertz } = this.schema
    const points = Math.min(Math.floor(((times[count - 1]! - first) * hertz) / 1000) + 1, grid.length)
    let left = 0
    let sum = 0
    for (let k = 0; k < points; k++) {
      const at = first + (k * 1000) / hertz
      while (left + 1 < count && times[left + 1]! <= at) left++
      let value = values[left]!
      if (times[left]! < at && left + 1 < count) {
        const share = (at - times[left]!) / (times[left + 1]! - times[left]!)
        value += (values[left + 1]! - value) * share
      }
      grid[k] = value
      sum += value
    }
    const mean = sum / points
    let energy = 0
    for (let k = 0; k < points; k++) {
      const deviation = grid[k]! - mean
      deviations[k] = deviation
      energy += deviation * deviation
    }
    this.#correlation.firstLag = this.#correlation.lastLag = 0
    this.gridCount = points
    this.gridEnergy = energy
    this.gridConstant = isConstant(this.schema, mean, energy / points)
  }
}

export function isConstant(schema: FeatureSchema, mean: number, variance: number): boolean {
  return Math.sqrt(variance) <= schema.tolerance * Math.max(1, Math.abs(mean))
}

/** The least index below `count` whose value reaches the greatest, within the tolerance. */
export function argMax(schema: FeatureSchema, values: Float64Array, count: number): number {
  let greatest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < count; i++) if (values[i]! > greatest) greatest = values[i]!
  const least = greatest - schema.tolerance * Math.abs(greatest)
  for (let i = 0; i < count; i++) if (values[i]! >= least) return i
  return 0
}
