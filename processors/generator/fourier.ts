/** Real signals from their spectra: an inverse fast Fourier transform (Cooley & Tukey 1965), two signals at a time. */
export class Fourier {
  /** Samples; a power of two. */
  readonly length: number
  readonly #cosine: Float64Array
  readonly #sine: Float64Array
  /** Where each frequency belongs before the first butterflies: its bits reversed. */
  readonly #place: Uint16Array

  constructor(length: number) {
    this.length = length
    this.#cosine = Float64Array.from({ length: length / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / length))
    this.#sine = Float64Array.from({ length: length / 2 }, (_, k) => Math.sin((2 * Math.PI * k) / length))
    this.#place = Uint16Array.from({ length }, (_, k) => {
      let reversed = 0
      for (let bit = 1; bit < length; bit *= 2) reversed = reversed * 2 + (k & bit ? 1 : 0)
      return reversed
    })
  }

  /**
   * `set` the amplitudes, a + ib of the first signal and c + id of the second, of the cosines at k cycles; then
   * `transform` leaves the first signal in `first` and the second in `second`.
   */
  set(
    k: number,
    a: number,
    b: number,
    c: number,
    d: number,
    first: Float64Array,
    second: Float64Array,
  ): void {
    // First + i · second is one complex signal; a real one has the conjugate at -k.
    const at = this.#place[k]!
    const opposite = this.#place[this.length - k]!
    first[at] = (a - d) / 2
    second[at] = (b + c) / 2
    first[opposite] = (a + d) / 2
    second[opposite] = (c - b) / 2
  }

  transform(first: Float64Array, second: Float64Array): void {
    const { length } = this
    for (let half = 1, step = length / 2; half < length; half *= 2, step /= 2) {
      for (let k = 0; k < half; k++) {
        const cosine = this.#cosine[k * step]!
        const sine = this.#sine[k * step]!
        for (let i = k; i < length; i += 2 * half) {
          const j = i + half
          const real = first[j]! * cosine - second[j]! * sine
          const imaginary = first[j]! * sine + second[j]! * cosine
          first[j] = first[i]! - real
          second[j] = second[i]! - imaginary
          first[i] = first[i]! + real
          second[i] = second[i]! + imaginary
        }
      }
    }
  }
}
