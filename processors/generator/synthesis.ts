import { channels, type Template } from './profile.ts'
import type { Random } from './random.ts'

/**
 * Makes signals from templates, block after block. Each frequency of a block gets a random phase that all channels
 * share, so spectra and cross-spectra are those of the template. Blocks overlap by half and are cross-faded: the
 * fluctuations with a sine taper, under which independent signals keep their power; the means with its square, under
 * which a constant stays one.
 */
export class Synthesis {
  /** Samples per call of `next`: half a block. */
  readonly hop: number
  readonly #block: number
  readonly #cosine: Float64Array
  readonly #sine: Float64Array
  readonly #taper: Float64Array
  readonly #real: Float64Array
  readonly #imaginary: Float64Array

  constructor(block: number) {
    this.#block = block
    this.hop = block / 2
    this.#cosine = Float64Array.from({ length: block }, (_, n) => Math.cos((2 * Math.PI * n) / block))
    this.#sine = Float64Array.from({ length: block }, (_, n) => Math.sin((2 * Math.PI * n) / block))
    this.#taper = Float64Array.from({ length: block }, (_, n) => Math.sin((Math.PI * (n + 0.5)) / block))
    this.#real = new Float64Array(this.hop)
    this.#imaginary = new Float64Array(this.hop)
  }

  /** What is left over of a block for the next one to fade into: [channel × hop], to begin with nothing. */
  tail(): Float64Array {
    return new Float64Array(channels.length * this.hop)
  }

  /** Makes `hop` more samples, [channel × hop], into `out`: the tail left by the block before, and this one's rise. */
  next(template: Template, random: Random, tail: Float64Array, out: Float64Array): void {
    const { hop } = this
    const mask = this.#block
    const frequencies = hop - 1
    const real = this.#real
    const imaginary = this.#imaginary
    const cosine = this.#cosine
    const sine = this.#sine
    const taper = this.#taper
    for (let k = 1; k <= frequencies; k++) {
      const phase = 2 * Math.PI * random()
      real[k] = Math.cos(phase)
      imaginary[k] = Math.sin(phase)
    }
    for (let channel = 0; channel < channels.length; channel++) {
      const at = channel * hop
      const spectrum = channel * frequencies - 1
      const mean = template.mean[channel]!
      for (let n = 0; n < hop; n++) {
        // The second half of the block differs from the first in the sign of the odd frequencies only.
        let even = 0
        let odd = 0
        for (let k = 1, turn = n; k <= frequencies; k++, turn += n) {
          if (turn >= mask) turn -= mask
          const a = template.real[spectrum + k]!
          const b = template.imaginary[spectrum + k]!
          const value =
            (a * real[k]! - b * imaginary[k]!) * cosine[turn]! -
            (a * imaginary[k]! + b * real[k]!) * sine[turn]!
          if (k & 1) odd += value
          else even += value
        }
        const rise = taper[n]!
        const fall = taper[n + hop]!
        out[at + n] = tail[at + n]! + rise * (even + odd) + rise * rise * mean
        tail[at + n] = fall * (even - odd) + fall * fall * mean
      }
    }
  }
}
