/**
 * Power of a real series at the frequencies 1 … N/2 of an N-point transform: 2 |X[k]|² / (N m), for m points with zeros
 * after them.
 *
 * Radix-2, decimation in time (Cooley and Tukey, 1965), of N/2 complex numbers that hold the even points as real and
 * the odd ones as imaginary part; the last step takes the two apart. Tables and buffers are made once.
 */
export function spectrum(length: number): (points: Float64Array, count: number, power: Float64Array) => void {
  const bits = Math.log2(length) - 1
  if (!Number.isInteger(bits) || bits < 1)
    throw new Error(`A transform's length is a power of two, not ${length}.`)
  const half = length / 2
  const reversed = Uint16Array.from({ length: half }, (_, i) => {
    let result = 0
    for (let bit = 0; bit < bits; bit++) if (i & (1 << bit)) result |= 1 << (bits - 1 - bit)
    return result
  })
  const cosine = Float64Array.from({ length: half }, (_, i) => Math.cos((2 * Math.PI * i) / length))
  const sine = Float64Array.from({ length: half }, (_, i) => -Math.sin((2 * Math.PI * i) / length))
  const real = new Float64Array(half)
  const imaginary = new Float64Array(half)

  return (points, count, power) => {
    for (let i = 0; i < half; i++) {
      const even = 2 * i
      const at = reversed[i]!
      real[at] = even < count ? points[even]! : 0
      imaginary[at] = even + 1 < count ? points[even + 1]! : 0
    }
    for (let size = 2; size <= half; size *= 2) {
      const step = length / size
      for (let k = 0; k < size / 2; k++) {
        const c = cosine[k * step]!
        const s = sine[k * step]!
        for (let upper = k; upper < half; upper += size) {
          const lower = upper + size / 2
          const re = real[lower]! * c - imaginary[lower]! * s
          const im = real[lower]! * s + imaginary[lower]! * c
          real[lower] = real[upper]! - re
          imaginary[lower] = imaginary[upper]! - im
          real[upper] = real[upper]! + re
          imaginary[upper] = imaginary[upper]! + im
        }
      }
    }
    const scale = 2 / (length * count)
    for (let k = 1; k < half; k++) {
      const mirror = half - k
      const evenRe = (real[k]! + real[mirror]!) / 2
      const evenIm = (imaginary[k]! - imaginary[mirror]!) / 2
      const oddRe = (imaginary[k]! + imaginary[mirror]!) / 2
      const oddIm = (real[mirror]! - real[k]!) / 2
      const re = evenRe + oddRe * cosine[k]! - oddIm * sine[k]!
      const im = evenIm + oddRe * sine[k]! + oddIm * cosine[k]!
      power[k - 1] = scale * (re * re + im * im)
    }
    const last = real[0]! - imaginary[0]!
    power[half - 1] = scale * last * last
  }
}
