/**
 * How measured values are distributed: plain data with bounds that stay as they are, so that it can be handed to another
 * thread, several can be added up, and what came between two looks is the difference.
 */
export interface Distribution {
  /** Rising. */
  readonly bounds: readonly number[]
  /** Values up to each bound and beyond the one before it; last, those beyond all. */
  readonly counts: number[]
  sum: number
}

/** Of nothing yet. */
export function distribution(bounds: readonly number[]): Distribution {
  return { bounds, counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 }
}

export function observe(into: Distribution, value: number): void {
  const { bounds, counts } = into
  let at = 0
  while (at < bounds.length && value > bounds[at]!) at++
  counts[at]!++
  into.sum += value
}
