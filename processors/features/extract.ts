/** Windows of samples to feature vectors, as the feature schema lists them. */
import { type ChannelPrimitive, channelPrimitives } from './channels.ts'
import type { Channel, FeatureSchema, Parameters } from './schema.ts'
import { Series } from './series.ts'
import {
  type PairPrimitive,
  pairPrimitives,
  type StatisticPrimitive,
  statisticPrimitives,
} from './statistics.ts'

/** The samples of one device in one window. */
export interface SampleWindow {
  /** Inclusive, ms since the epoch. */
  readonly start: number
  /** Exclusive, ms since the epoch. */
  readonly end: number
  readonly count: number
  /** ms since the epoch, ascending; the first `count` are valid, here and in the columns. */
  readonly timestamps: Float64Array
  /** By field name; NaN = missing. Valid until the next window. */
  column(field: string): Float64Array
}

export interface FeatureExtractor {
  readonly schema: FeatureSchema
  readonly width: number
  /** What a model is given: the features as float32, in a new array or in `out` from `offset` on. Always finite. */
  features(window: SampleWindow, out?: Float32Array, offset?: number): Float32Array
  /** The same before the cast, as training computes them; overwritten by the next call. */
  doubles(window: SampleWindow): Float64Array
}

/** Buffers are kept between windows, so each thread needs an extractor of its own. Throws on an unknown primitive. */
export function featureExtractor(schema: FeatureSchema): FeatureExtractor {
  const plan = new Plan(schema)
  const width = schema.features.length
  return {
    schema,
    width,
    doubles: window => plan.run(window),
    features(window, out = new Float32Array(width), offset = 0) {
      out.set(plan.run(window), offset)
      return out
    },
  }
}

interface ChannelStep {
  readonly name: string
  readonly apply: ChannelPrimitive
  readonly inputs: readonly string[]
  readonly parameters: Parameters
}

interface StatisticStep {
  readonly apply: StatisticPrimitive
  readonly parameters: Parameters
  readonly column: number
}

interface PairStep {
  readonly apply: PairPrimitive
  readonly first: string
  readonly second: string
  readonly parameters: Parameters
  readonly column: number
}

/** The schema, resolved: channels in order, then for each channel its statistics, then the pairs. */
class Plan {
  readonly #schema: FeatureSchema
  readonly #channels: readonly ChannelStep[]
  readonly #statistics = new Map<string, StatisticStep[]>()
  readonly #pairs: PairStep[] = []
  /** By field or channel name. */
  readonly #samples = new Map<string, Float64Array>()
  readonly #series: Series
  readonly #result: Float64Array
  #capacity = 0

  constructor(schema: FeatureSchema) {
    this.#schema = schema
    this.#series = new Series(schema)
    this.#result = new Float64Array(schema.features.length)
    this.#channels = schema.channels.map(channelStep)
    for (const [column, { channels, primitive, parameters }] of schema.features.entries()) {
      const [first, second] = channels
      if (second === undefined) {
        const steps = this.#statistics.get(first!) ?? []
        steps.push({ apply: named(statisticPrimitives, primitive), parameters, column })
        this.#statistics.set(first!, steps)
      } else {
        this.#pairs.push({
          apply: named(pairPrimitives, primitive),
          first: first!,
          second,
          parameters,
          column,
        })
      }
    }
  }

  run(window: SampleWindow): Float64Array {
    const { count } = window
    this.#reserve(count)
    const { limit } = this.#schema
    for (const field of this.#schema.fields) {
      const column = window.column(field)
      const own = this.#samples.get(field)!
      for (let i = 0; i < count; i++) {
        const value = column[i]!
        own[i] = value >= -limit && value <= limit ? value : Number.NaN
      }
    }
    for (const { name, apply, inputs, parameters } of this.#channels) {
      const columns = inputs.map(input => this.#samples.get(input)!)
      apply(columns, count, this.#samples.get(name)!, parameters)
    }
    const series = this.#series
    const result = this.#result
    for (const [name, steps] of this.#statistics) {
      series.load(this.#samples.get(name)!, window.timestamps, window.start, count)
      for (const { apply, parameters, column } of steps) {
        result[column] = series.count === 0 ? 0 : apply(series, parameters)
      }
    }
    for (const { apply, first, second, parameters, column } of this.#pairs) {
      const value = apply(
        this.#schema,
        this.#samples.get(first)!,
        this.#samples.get(second)!,
        count,
        parameters,
      )
      result[column] = value
    }
    return result
  }

  #reserve(count: number): void {
    if (count <= this.#capacity) return
    this.#capacity = Math.max(64, 2 * count)
    for (const name of [...this.#schema.fields, ...this.#schema.channels.map(channel => channel.name)]) {
      this.#samples.set(name, new Float64Array(this.#capacity))
    }
  }
}

function channelStep({ name, primitive, inputs, parameters }: Channel): ChannelStep {
  return { name, apply: named(channelPrimitives, primitive), inputs, parameters }
}

function named<Primitive>(table: Readonly<Record<string, Primitive>>, name: string): Primitive {
  const found = table[name]
  if (found === undefined)
    throw new Error(`The feature schema names the primitive ${name}, which does not exist.`)
  return found
}
