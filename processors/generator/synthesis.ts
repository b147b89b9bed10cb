import { Fourier } from './fourier.ts'
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
  readonly #fourier: Fourier
  readonly #taper: Float64Array
  /** The random phases of the block at work, as complex numbers. */
  readonly #real: Float64Array
  readonly #imaginary: Float64Array
  /** Two signals of the block at work. */
  readonly #first: Float64Array
  readonly #second: Float64Array
  readonly #envelope: Float64Array
  /** What keeps the power of overlapping blocks: of one template, and of two. */
  readonly #gainWithin: Float64Array
  readonly #gainBetween: Float64Array

  /** `block` is the number of samples that the templates stand for, a power of two. */
  constructor(block: number) {
    this.hop = block / 2
    this.#fourier = new Fourier(block)
    this.#taper = Float64Array.from({ length: block }, (_, n) => Math.sin((Math.PI * (n + 0.5)) / block))
    this.#real = new Float64Array(this.hop)
    this.#imaginary = new Float64Array(this.hop)
    this.#first = new Float64Array(block)
    this.#second = new Float64Array(block)
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

  /** How far sample n of a hop belongs to the newer block, in [0, 1]; the rest belongs to the one before. */
  rise(n: number): number {
    return this.#taper[n]! ** 2
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
    for (let signal = 0; signal < signals; signal += 2) {
      this.#fluctuate(template, signal)
      if (signal === 0) this.#overlap(this.#first, 0, tail, gain, envelope, 0)
      else this.#overlap(this.#first, signal, tail, gain, out, (signal - 1) * hop)
      this.#overlap(this.#second, signal + 1, tail, gain, out, signal * hop)
    }
    for (let n = 0; n < hop; n++) envelope[n] = Math.exp(Math.min(envelope[n]!, MAX_ENVELOPE))
    for (let channel = 0; channel < channels.length; channel++) {
      const at = channel * hop
      const before = tail.mean[channel]!
      const mean = template.mean[channel]!
      for (let n = 0; n < hop; n++) {
        const lifted = channel < motions ? out[at + n]! * envelope[n]! : out[at + n]!
        out[at + n] = lifted + before + (mean - before) * this.rise(n)
      }
      tail.mean[channel] = mean
    }
  }

  /** The block's fluctuations of this signal and the one after it. */
  #fluctuate(template: Template, signal: number): void {
    const { hop } = this
    const first = this.#first
    const second = this.#second
    first[0] = second[0] = first[1] = second[1] = 0 // neither a constant nor the highest frequency (1, bits reversed)
    for (let k = 1; k < hop; k++) {
      const at = signal * (hop - 1) + k - 1
      const after = at + hop - 1
      const c = this.#real[k]!
      const s = this.#imaginary[k]!
      const a = template.real[at]!
      const b = template.imaginary[at]!
      const d = template.real[after]!
      const e = template.imaginary[after]!
      this.#fourier.set(k, a * c - b * s, a * s + b * c, d * c - e * s, d * s + e * c, first, second)
    }
    this.#fourier.transform(first, second)
  }

  /** Into `out` from `at` what is due now of a signal, into the tail what fades out next. */
  #overlap(
    block: Float64Array,
    signal: number,
    tail: Tail,
    gain: Float64Array,
    out: Float64Array,
    at: number,
  ): void {
    const { hop } = this
    for (let n = 0; n < hop; n++) {
      const left = signal * hop + n
      out[at + n] = (tail.fluctuations[left]! + this.#taper[n]! * block[n]!) * gain[n]!
      tail.fluctuations[left] = this.#taper[hop + n]! * block[hop + n]!
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
