import {
  channels,
  decodeTemplate,
  type GeneratorActivity,
  type GeneratorProfile,
  motions,
  type Template,
} from './profile.ts'
import { pick, quantile, type Random, seeded } from './random.ts'
import type { Synthesis } from './synthesis.ts'

/** Half blocks synthesised of an activity to see what comes out, at least; and of each of its templates. */
const TRIAL = 192
const TRIAL_OF_TEMPLATE = 4

/** How much a map of quantiles may stretch or squeeze a channel of gravity. */
const STEEPEST = 2

/** What somebody does, as the generator does it after them. */
export class Activity {
  readonly label: string
  /** Samples of it in the recordings. */
  readonly weight: number
  readonly #profile: GeneratorProfile
  readonly #encoded: GeneratorActivity
  readonly #synthesis: Synthesis
  #decoded: readonly Template[] | undefined
  #marginals: Marginals | undefined

  constructor(label: string, encoded: GeneratorActivity, profile: GeneratorProfile, synthesis: Synthesis) {
    this.label = label
    this.weight = encoded.seconds
    this.#profile = profile
    this.#encoded = encoded
    this.#synthesis = synthesis
  }

  /** One of the templates, as often as it stands for. */
  template(random: Random): Template {
    const templates = this.#templates()
    let left = random() * total(templates)
    for (const template of templates) {
      left -= template.weight
      if (left < 0) return template
    }
    return templates[0]!
  }

  /** Samples that a stay lasts. */
  dwell(random: Random): number {
    return Math.max(1, quantile(this.#profile.timeLevels, this.#encoded.dwell, random()) * this.#profile.rate)
  }

  /**
   * What comes after a stay: the label of an activity, undefined where the recordings do not say; and the samples left
   * out before it, 0 if it follows at once.
   */
  after(random: Random): { label: string | undefined; pause: number } {
    const { next, nextAfterGap, gap } = this.#encoded
    const times = (counts: Readonly<Record<string, number>>) =>
      Object.values(counts).reduce((a, b) => a + b, 0)
    const [direct, later] = [times(next), times(nextAfterGap)]
    if (gap.length === 0 || random() * (direct + later) < direct)
      return { label: pick(next, random), pause: 0 }
    const seconds = quantile(this.#profile.timeLevels, gap, random())
    return {
      label: pick(nextAfterGap, random),
      pause: Math.max(1, Math.round(seconds * this.#profile.rate) - 1),
    }
  }

  /** What gives the samples synthesised of the templates the distribution of the recordings', channel by channel. */
  marginals(): Marginals {
    this.#marginals ??= new Marginals(this.#trial(), this.#profile.levels, this.#encoded.quantiles)
    return this.#marginals
  }

  #templates(): readonly Template[] {
    this.#decoded ??= this.#encoded.templates.map(decodeTemplate)
    return this.#decoded
  }

  /** Samples as they come of the templates, [channel][sample]. */
  #trial(): Float64Array[] {
    const { hop } = this.#synthesis
    const random = seeded(1, 0)
    const templates = this.#templates()
    const whole = total(templates)
    const times = templates.map(({ weight }) =>
      Math.max(TRIAL_OF_TEMPLATE, Math.round((TRIAL * weight) / whole)),
    )
    const length = hop * times.reduce((a, b) => a + b, 0)
    const made = channels.map(() => new Float64Array(length))
    const tail = this.#synthesis.tail()
    const samples = this.#synthesis.samples()
    this.#synthesis.next(templates.at(-1)!, random, tail, samples) // the rise from nothing
    let at = 0
    templates.forEach((template, index) => {
      for (let i = 0; i < times[index]!; i++, at += hop) {
        this.#synthesis.next(template, random, tail, samples)
        for (const [c, channel] of made.entries()) channel.set(samples.subarray(c * hop, (c + 1) * hop), at)
      }
    })
    return made
  }
}

function total(templates: readonly Template[]): number {
  return templates.reduce((sum, { weight }) => sum + weight, 0)
}

/** A monotone map per channel, from the quantiles of what is synthesised to those wanted; straight between them. */
export class Marginals {
  readonly #levels: number
  /** [channel × level]. */
  readonly #from: Float64Array
  readonly #to: Float64Array

  /** `made` holds samples of each channel, and is sorted; `wanted` quantiles at `levels` of each channel. */
  constructor(made: Float64Array[], levels: readonly number[], wanted: readonly (readonly number[])[]) {
    this.#levels = levels.length
    this.#from = new Float64Array(made.length * levels.length)
    this.#to = Float64Array.from(wanted.flat())
    made.forEach((samples, channel) => {
      samples.sort()
      levels.forEach((level, i) => {
        this.#from[channel * levels.length + i] = samples[Math.round(level * (samples.length - 1))]!
      })
      if (channel >= motions) this.#limit(channel * levels.length)
    })
  }

  /**
   * Holds the slopes of a map, from its middle outwards, where a steep one would blow the noise of a pose up to the
   * distance between two poses.
   */
  #limit(first: number): void {
    const from = this.#from
    const to = this.#to
    const middle = first + (this.#levels >> 1)
    for (const way of [1, -1]) {
      let wanted = to[middle]!
      for (let at = middle + way; at >= first && at < first + this.#levels; at += way) {
        const run = from[at]! - from[at - way]!
        const rise = to[at]! - wanted
        wanted = to[at]!
        const [a, b] = [run / STEEPEST, run * STEEPEST]
        to[at] = to[at - way]! + Math.min(Math.max(rise, Math.min(a, b)), Math.max(a, b))
      }
    }
  }

  map(channel: number, value: number): number {
    const from = this.#from
    const to = this.#to
    const first = channel * this.#levels
    const last = first + this.#levels - 1
    if (!(value > from[first]!)) return to[first]!
    if (value >= from[last]!) return to[last]!
    let at = first + 1
    while (value >= from[at]!) at++
    const low = from[at - 1]!
    return to[at - 1]! + ((to[at]! - to[at - 1]!) * (value - low)) / (from[at]! - low)
  }
}
