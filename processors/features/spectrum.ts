/**
 * Power of a real series at the frequencies 1 … N/2 of an N-point transform: 2 |X[k]|² / (N m), for m points with zeros
 * after them.
 *
 * Radix-2, decimation in time (Cooley and Tukey, 1965); tables and buffers are made once, so a call allocates nothing.
 */
export function spectrum(length: number): (points: Float64Array, count: number, power: Float64Array) => void {
  const bits = Math.log2(length)
  if (!Number.isInteger(bits) || bits < 1)
    throw new Error(`A transform's length is a power of two, not ${length}.`)
  const reversed = Uint16Array.from({ length }, (_, i) => {
    let result = 0
    for (let bit = 0; bit < bits; bit++) if (i & (1 << bit)) result |= 1 << (bits - 1 - bit)
    return result
  })
  const cosine = Float64Array.from({ length: length / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / length))
  const sine = Float64Array.from({ length: length / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / length))
  const real = new Float64Array(length)
  const imaginary = new Float64Array(length)

  return (points, count, power) => {
    for (let i = 0; i < length; i++) {
      real[reversed[i]!] = i < count ? points[i]! : 0
      imaginary[i] = 0
    }
    for (let size = 2; size <= length; size *= 2) {
      const half = size / 2
      const step = length / size
      for (let start = 0; start < length; start += size) {
        for (let k = 0; k < half; k++) {
          const even = start + k
          const odd = even + half
          const c = cosine[k * step]!
          const s = sine[k * step]!
          const re = real[odd]! * c - imaginary[odd]! * s
          const im = real[odd]! * s + imaginary[odd]! * c
          real[odd] = real[even]! - re
          imaginary[odd] = imaginary[even]! - im
          real[even] = real[even]! + re
          imaginary[even] = imaginary[even]! + im
        }
      }
    }
    for (let k = 1; k <= length / 2; k++) {
      power[k - 1] = (2 * (real[k]! * real[k]! + imaginary[k]! * imaginary[k]!)) / (length * count)
    }
  }
}
