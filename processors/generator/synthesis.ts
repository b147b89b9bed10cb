import { channels, motions, type Template } from './profile.ts'
import { normal, type Random } from './random.ts'

/** The most that an envelope lifts a moment, as a logarithm. */
const MAX_ENVELOPE = 2

/** How far a phase drifts from one block to the next of the same template: standard deviation, rad. */
const DRIFT = 1
/** The correlation of two such blocks where they overlap: the mean of cos of a normal drift. */
const LIKENESS = Math.exp(-(DRIFT ** 2) / 2)

/** The signals of a template: the envelope, and the channels. */
const signals = 1 + channels.length

/**
 * Makes signals from templates, block after block. Each frequency of a block gets a random phase that all signals
 * share, so spectra and cross-spectra are those of the template. While a template stays, its phases go on from block
 * to block, drifting, so that a rhythm is kept through some of them.
 *
 * Blocks overlap by half and are cross-faded: the fluctuations with a sine taper, under which independent signals keep
 * their power (and those alike are lowered to it); the means with its square, under which a constant stays one. At
 * last the envelope is laid over the channels of motion: random phases alone would spread every burst evenly.
 */
export class Synthesis {
  /** Samples per call of `next`: half a block. */
  readonly hop: number
  readonly #cosine: Float64Array
  readonly #sine: Float64Array
  readonly #taper: Float64Array
  /** The random phases of the block at work, as complex numbers. */
  readonly #real: Float64Array
  readonly #imaginary: Float64Array
  readonly #envelope: Float64Array
  /** What keeps the power of overlapping blocks: of one template, and of two. */
  readonly #gainWithin: Float64Array
  readonly #gainBetween: Float64Array

  /** `block` is the number of samples that the templates stand for. */
  constructor(block: number) {
    this.hop = block / 2
    this.#cosine = Float64Array.from({ length: block }, (_, n) => Math.cos((2 * Math.PI * n) / block))
    this.#sine = Float64Array.from({ length: block }, (_, n) => Math.sin((2 * Math.PI * n) / block))
    this.#taper = Float64Array.from({ length: block }, (_, n) => Math.sin((Math.PI * (n + 0.5)) / block))
    this.#real = new Float64Array(this.hop)
    this.#imaginary = new Float64Array(this.hop)
    this.#envelope = new Float64Array(this.hop)
    this.#gainBetween = new Float64Array(this.hop).fill(1)
    this.#gainWithin = this.#gainBetween.map(
      (_, n) => 1 / Math.sqrt(1 + 2 * this.#taper[n]! * this.#taper[n + this.hop]! * LIKENESS),
    )
  }

  /** What a block leaves for the next one to fade into; to begin with, nothing. */
  tail(): Tail {
    return {
      mean: new Float64Array(channels.length),
      fluctuations: new Float64Array(signals * this.hop),
      phase: new Float64Array(this.hop),
      template: undefined,
    }
  }

  /** Room for the samples of one call of `next`, [channel × hop]. */
  samples(): Float64Array {
    return new Float64Array(channels.length * this.hop)
  }

  /** Makes `hop` more samples into `out`: the fall of the block before, which is the tail, and the rise of this one. */
  next(template: Template, random: Random, tail: Tail, out: Float64Array): void {
    const { hop } = this
    const goesOn = tail.template === template
    tail.template = template
    for (let k = 1; k < hop; k++) {
      // Half a block on, a frequency has gone through half of its k cycles.
      const phase = goesOn ? tail.phase[k]! + Math.PI * k + DRIFT * normal(random) : 2 * Math.PI * random()
      tail.phase[k] = phase
      this.#real[k] = Math.cos(phase)
      this.#imaginary[k] = Math.sin(phase)
    }
    const gain = goesOn ? this.#gainWithin : this.#gainBetween
    const envelope = this.#envelope
    this.#fluctuate(template, 0, tail.fluctuations, gain, envelope, 0)
    for (let n = 0; n < hop; n++) envelope[n] = Math.exp(Math.min(envelope[n]!, MAX_ENVELOPE))
    for (let channel = 0; channel < channels.length; channel++) {
      const at = channel * hop
      this.#fluctuate(template, channel + 1, tail.fluctuations, gain, out, at)
      const before = tail.mean[channel]!
      const mean = template.mean[channel]!
      for (let n = 0; n < hop; n++) {
        const lifted = channel < motions ? out[at + n]! * envelope[n]! : out[at + n]!
        out[at + n] = lifted + before + (mean - before) * this.#taper[n]! ** 2
      }
      tail.mean[channel] = mean
    }
  }

  /** One signal's fluctuations: into `out` from `at` what is due now, into the tail what fades out next. */
  #fluctuate(
    template: Template,
    signal: number,
    tail: Float64Array,
    gain: Float64Array,
    out: Float64Array,
    at: number,
  ): void {
    const { hop } = this
    const block = 2 * hop
    const real = this.#real
    const imaginary = this.#imaginary
    const cosine = this.#cosine
    const sine = this.#sine
    const spectrum = signal * (hop - 1) - 1
    for (let n = 0; n < hop; n++) {
      // The second half of the block differs from the first in the sign of its odd frequencies only.
      let even = 0
      let odd = 0
      for (let k = 1, turn = n; k < hop; k++, turn += n) {
        if (turn >= block) turn -= block
        const a = template.real[spectrum + k]!
        const b = template.imaginary[spectrum + k]!
        const value =
          (a * real[k]! - b * imaginary[k]!) * cosine[turn]! -
          (a * imaginary[k]! + b * real[k]!) * sine[turn]!
        if (k & 1) odd += value
        else even += value
      }
      const left = signal * hop + n
      out[at + n] = (tail[left]! + this.#taper[n]! * (even + odd)) * gain[n]!
      tail[left] = this.#taper[hop + n]! * (even - odd)
    }
  }
}

/** Belongs to one watch; `Synthesis.next` changes it. */
export interface Tail {
  readonly mean: Float64Array
  readonly fluctuations: Float64Array
  /** Of each frequency, rad. */
  readonly phase: Float64Array
  template: Template | undefined
}
