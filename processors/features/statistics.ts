/** Statistic primitives: a Series with at least one sample in, one number out. */

import type { FeatureSchema, Parameters } from './schema.ts'
import { argMax, isConstant, type Series } from './series.ts'

export type StatisticPrimitive = (series: Series, parameters: Parameters) => number

export type PairPrimitive = (
  schema: FeatureSchema,
  first: Float64Array,
  second: Float64Array,
  count: number,
  parameters: Parameters,
) => number

const coverage: StatisticPrimitive = ({ count, schema }) => count / (schema.seconds * schema.hertz)

const mean: StatisticPrimitive = series => series.mean

const std: StatisticPrimitive = series => Math.sqrt(series.variance)

const rms: StatisticPrimitive = ({ values, count }) => {
  let sum = 0
  for (let i = 0; i < count; i++) sum += values[i]! * values[i]!
  return Math.sqrt(sum / count)
}

function percentileOf({ sorted, count }: Series, p: number): number {
  const rank = (count - 1) * p
  const below = Math.floor(rank)
  const low = sorted[below]!
  return low + (sorted[Math.min(below + 1, count - 1)]! - low) * (rank - below)
}

const percentile: StatisticPrimitive = (series, { p }) => percentileOf(series, Number(p))

const interpercentile: StatisticPrimitive = (series, { from, to }) =>
  percentileOf(series, Number(to)) - percentileOf(series, Number(from))

const skewness: StatisticPrimitive = ({ constant, third, variance }) =>
  constant ? 0 : third / (variance * Math.sqrt(variance))

const kurtosis: StatisticPrimitive = ({ constant, fourth, variance }) =>
  constant ? 0 : fourth / (variance * variance) - 3

const crossings: StatisticPrimitive = ({ constant, count, mean, schema, times, values }) => {
  const span = (times[count - 1]! - times[0]!) / 1000
  if (constant || !(span > 0)) return 0
  const near = schema.tolerance * Math.max(1, Math.abs(mean))
  let side = 0
  let changes = 0
  for (let i = 0; i < count; i++) {
    const deviation = values[i]! - mean
    if (Math.abs(deviation) <= near) continue
    const now = deviation > 0 ? 1 : -1
    if (now === -side) changes++
    side = now
  }
  return changes / span
}

const jerkRms: StatisticPrimitive = series => {
  const { grid, gridCount, schema } = series
  if (gridCount < 2) return 0
  let sum = 0
  for (let k = 1; k < gridCount; k++) sum += ((grid[k]! - grid[k - 1]!) * schema.hertz) ** 2
  return Math.sqrt(sum / (gridCount - 1))
}

const jerkMean: StatisticPrimitive = series => {
  const { grid, gridCount, schema } = series
  if (gridCount < 2) return 0
  let sum = 0
  for (let k = 1; k < gridCount; k++) sum += Math.abs(grid[k]! - grid[k - 1]!)
  return (sum * schema.hertz) / (gridCount - 1)
}

const bandPower: StatisticPrimitive = ({ power, frequencies }, { from, to }) => {
  const low = Number(from)
  const high = Number(to)
  let sum = 0
  for (let k = 0; k < power.length; k++) {
    const frequency = frequencies[k]!
    if (frequency >= high) break
    if (frequency >= low) sum += power[k]!
  }
  return sum
}

const dominantFrequency: StatisticPrimitive = ({ power, gridConstant, frequencies, schema }) =>
  gridConstant ? 0 : frequencies[argMax(schema, power, power.length)]!

const dominantShare: StatisticPrimitive = ({ power, gridConstant, totalPower }) => {
  if (gridConstant) return 0
  let greatest = 0
  for (let k = 0; k < power.length; k++) if (power[k]! > greatest) greatest = power[k]!
  return greatest / totalPower
}

const spectralEntropy: StatisticPrimitive = ({ power, gridConstant, totalPower }) => {
  if (gridConstant) return 0
  let sum = 0
  for (let k = 0; k < power.length; k++) {
    const share = power[k]! / totalPower
    if (share > 0) sum -= share * Math.log(share)
  }
  return sum / Math.log(power.length)
}

const spectralCentroid: StatisticPrimitive = ({ power, gridConstant, totalPower, frequencies }) => {
  if (gridConstant) return 0
  let sum = 0
  for (let k = 0; k < power.length; k++) sum += power[k]! * frequencies[k]!
  return sum / totalPower
}

const autocorrelationPeak: StatisticPrimitive = (series, { from, to }) => {
  const { values, count } = series.autocorrelation(Number(from), Number(to))
  if (count === 0) return 0
  let greatest = values[0]!
  for (let i = 1; i < count; i++) if (values[i]! > greatest) greatest = values[i]!
  return greatest
}

const autocorrelationLag: StatisticPrimitive = (series, { from, to }) => {
  const { values, count, firstLag } = series.autocorrelation(Number(from), Number(to))
  return count === 0 ? 0 : (firstLag + argMax(series.schema, values, count)) / series.schema.hertz
}

/** Pearson, of two channels' columns, over the samples present in both. */
const correlation: PairPrimitive = (schema, first, second, count) => {
  let both = 0
  let sumA = 0
  let sumB = 0
  for (let i = 0; i < count; i++) {
    const a = first[i]!
    const b = second[i]!
    if (Number.isNaN(a) || Number.isNaN(b)) continue
    both++
    sumA += a
    sumB += b
  }
  if (both === 0) return 0
  const meanA = sumA / both
  const meanB = sumB / both
  let varianceA = 0
  let varianceB = 0
  let covariance = 0
  for (let i = 0; i < count; i++) {
    const a = first[i]! - meanA
    const b = second[i]! - meanB
    if (Number.isNaN(a) || Number.isNaN(b)) continue
    varianceA += a * a
    varianceB += b * b
    covariance += a * b
  }
  varianceA /= both
  varianceB /= both
  if (isConstant(schema, meanA, varianceA) || isConstant(schema, meanB, varianceB)) return 0
  return covariance / both / Math.sqrt(varianceA) / Math.sqrt(varianceB)
}

export const statisticPrimitives: Readonly<Record<string, StatisticPrimitive>> = {
  coverage,
  mean,
  std,
  rms,
  percentile,
  interpercentile,
  skewness,
  kurtosis,
  crossings,
  jerkRms,
  jerkMean,
  bandPower,
  dominantFrequency,
  dominantShare,
  spectralEntropy,
  spectralCentroid,
  autocorrelationPeak,
  autocorrelationLag,
}

export const pairPrimitives: Readonly<Record<string, PairPrimitive>> = { correlation }
