/** How windows and features are compared between languages. */
import type { SampleWindow } from '../extract.ts'
import { type FeatureSchema, featureSchema } from '../schema.ts'

/** A window as JSON has it: null = missing. */
export interface PlainWindow {
  readonly name: string
  readonly start: number
  readonly timestamps: number[]
  readonly columns: Record<string, (number | null)[]>
}

export function view({ start, timestamps, columns }: PlainWindow): SampleWindow {
  const arrays = new Map(
    Object.entries(columns).map(([field, cells]) => [
      field,
      Float64Array.from(cells, cell => cell ?? Number.NaN),
    ]),
  )
  return {
    start,
    end: start + featureSchema.seconds * 1000,
    count: timestamps.length,
    timestamps: Float64Array.from(timestamps),
    column: field => arrays.get(field)!,
  }
}

/** The features that two languages do not agree on, with both values. */
export function differences(schema: FeatureSchema, mine: Float64Array, other: readonly number[]): string[] {
  return schema.features.flatMap(({ name }, column) => {
    const [a, b] = [mine[column]!, other[column]!]
    return Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(a)) ? [] : [`${name}: ${a} here, ${b} in Python`]
  })
}
