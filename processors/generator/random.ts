/** Numbers in [0, 1) that look random. */
export type Random = () => number

/**
 * The generator sfc32 (Chris Doty-Humphrey, PractRand), the same sequence for the same seed and stream everywhere;
 * streams of one seed are independent for all that matters here.
 */
export function seeded(seed: number, stream: number): Random {
  let a = seed | 0
  let b = Math.floor(seed / 4_294_967_296) | 0
  let c = stream | 0
  let counter = 1
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + t) | 0
    return (t >>> 0) / 4_294_967_296
  }
  for (let i = 0; i < 15; i++) next() // until the seed has reached every bit
  return next
}

/** Standard normal (Box & Muller 1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** One of the keys, in proportion to its weight; undefined if all weights are 0. */
export function pick(weights: Readonly<Record<string, number>>, random: Random): string | undefined {
  let total = 0
  for (const key in weights) total += weights[key]!
  let left = random() * total
  let chosen: string | undefined
  for (const key in weights) {
    if (weights[key]! <= 0) continue
    chosen = key
    left -= weights[key]!
    if (left < 0) break
  }
  return chosen
}

/** The value at level `p` between quantiles at ascending `levels`, 0 to 1. */
export function quantile(levels: readonly number[], values: readonly number[], p: number): number {
  const above = levels.findIndex(level => level > p)
  if (above < 0) return values.at(-1)!
  if (above === 0) return values[0]!
  const part = (p - levels[above - 1]!) / (levels[above]! - levels[above - 1]!)
  return values[above - 1]! + part * (values[above]! - values[above - 1]!)
}
