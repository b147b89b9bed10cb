/** Windows of samples to feature vectors, as the feature schema lists them. */
import { type ChannelPrimitive, channelPrimitives } from './channels.ts'
import type { FeatureSchema, Parameters } from './schema.ts'
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
  const width = schema.features.length
  let plan = new Plan(schema, 64)

  function doubles(window: SampleWindow): Float64Array {
    if (window.count > plan.capacity) plan = new Plan(schema, 2 * window.count)
    return plan.run(window)
  }

  return {
    schema,
    width,
    doubles,
    features(window, out = new Float32Array(width), offset = 0) {
      out.set(doubles(window), offset)
      return out
    },
  }
}

interface ChannelStep {
  readonly apply: ChannelPrimitive
  readonly parameters: Parameters
  readonly inputs: readonly Float64Array[]
  readonly out: Float64Array
}

interface StatisticStep {
  readonly apply: StatisticPrimitive
  readonly parameters: Parameters
  readonly column: number
}

interface PairStep extends Omit<StatisticStep, 'apply'> {
  readonly apply: PairPrimitive
  readonly first: Float64Array
  readonly second: Float64Array
}

/** The schema, resolved to functions and buffers for windows of at most `capacity` samples. */
class Plan {
  readonly capacity: number
  readonly #schema: FeatureSchema
  readonly #fields: { readonly name: string; readonly own: Float64Array }[]
  readonly #channels: ChannelStep[]
  readonly #single: { readonly samples: Float64Array; readonly steps: StatisticStep[] }[]
  readonly #pairs: PairStep[]
  readonly #series: Series
  readonly #result: Float64Array

  constructor(schema: FeatureSchema, capacity: number) {
    const names = [...schema.fields, ...schema.channels.map(channel => channel.name)]
    const samples = new Map(names.map(name => [name, new Float64Array(capacity)]))
    const single = new Map<string, StatisticStep[]>(names.map(name => [name, []]))
    this.capacity = capacity
    this.#schema = schema
    this.#series = new Series(schema, capacity)
    this.#result = new Float64Array(schema.features.length)
    this.#fields = schema.fields.map(name => ({ name, own: samples.get(name)! }))
    this.#channels = schema.channels.map(({ name, primitive, inputs, parameters }) => ({
      apply: named(channelPrimitives, primitive),
      parameters,
      inputs: inputs.map(input => samples.get(input)!),
      out: samples.get(name)!,
    }))
    this.#pairs = []
    for (const [column, { channels, primitive, parameters }] of schema.features.entries()) {
      const [first, second] = channels.map(name => samples.get(name)!)
      if (second) {
        this.#pairs.push({
          apply: named(pairPrimitives, primitive),
          parameters,
          column,
          first: first!,
          second,
        })
      } else {
        single.get(channels[0]!)!.push({ apply: named(statisticPrimitives, primitive), parameters, column })
      }
    }
    this.#single = [...single]
      .filter(([, steps]) => steps.length > 0)
      .map(([name, steps]) => ({ samples: samples.get(name)!, steps }))
  }

  run(window: SampleWindow): Float64Array {
    const { count, start, timestamps } = window
    const { limit } = this.#schema
    for (const { name, own } of this.#fields) {
      const column = window.column(name)
      for (let i = 0; i < count; i++) {
        const value = column[i]!
        own[i] = value >= -limit && value <= limit ? value : Number.NaN
      }
    }
    for (const { apply, inputs, out, parameters } of this.#channels) apply(inputs, count, out, parameters)
    const series = this.#series
    const result = this.#result
    for (const { samples, steps } of this.#single) {
      series.load(samples, timestamps, start, count)
      for (const { apply, parameters, column } of steps) {
        result[column] = series.count === 0 ? 0 : apply(series, parameters)
      }
    }
    for (const { apply, parameters, column, first, second } of this.#pairs) {
      result[column] = apply(this.#schema, first, second, count, parameters)
    }
    return result
  }
}

function named<Primitive>(table: Readonly<Record<string, Primitive>>, name: string): Primitive {
  const found = table[name]
  if (found === undefined)
    throw new Error(`The feature schema names the primitive ${name}, which does not exist.`)
  return found
}
