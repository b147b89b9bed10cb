import { expect, it } from 'vitest'
import { channels, type Template } from './profile.ts'
import { seeded } from './random.ts'
import { Synthesis } from './synthesis.ts'

const block = 64
const frequencies = block / 2 - 1
const signals = 1 + channels.length
const place = (signal: number, k: number): number => signal * frequencies + k - 1

function template(
  lines: readonly { signal: number; k: number; real: number; imaginary: number }[],
  mean = 0,
): Template {
  const real = new Float64Array(signals * frequencies)
  const imaginary = new Float64Array(signals * frequencies)
  for (const line of lines) {
    real[place(line.signal, line.k)] = line.real
    imaginary[place(line.signal, line.k)] = line.imaginary
  }
  return { weight: 1, mean: channels.map(() => mean), real, imaginary }
}

/** The channels over `blocks` half blocks. */
function synthesise(of: Template, blocks: number): Float64Array[] {
  const synthesis = new Synthesis(block)
  const tail = synthesis.tail()
  const samples = synthesis.samples()
  const random = seeded(7, 0)
  const { hop } = synthesis
  const out = channels.map(() => new Float64Array(blocks * hop))
  synthesis.next(of, random, tail, samples) // rises from nothing
  for (let i = 0; i < blocks; i++) {
    synthesis.next(of, random, tail, samples)
    for (const [c, channel] of out.entries()) channel.set(samples.subarray(c * hop, (c + 1) * hop), i * hop)
  }
  return out
}

const average = (length: number, at: (n: number) => number): number => {
  let sum = 0
  for (let n = 0; n < length; n++) sum += at(n)
  return sum / length
}

/** Cross-spectrum at k cycles per block, of independent blocks under the taper, in units of a cosine's power. */
function crossSpectrum(x: Float64Array, y: Float64Array, k: number): { real: number; imaginary: number } {
  const sum = { real: 0, imaginary: 0 }
  const count = Math.floor(x.length / block)
  const transform = (z: Float64Array, start: number) => {
    let real = 0
    let imaginary = 0
    for (let n = 0; n < block; n++) {
      const value = z[start + n]! * Math.sin((Math.PI * (n + 0.5)) / block)
      real += value * Math.cos((2 * Math.PI * k * n) / block)
      imaginary -= value * Math.sin((2 * Math.PI * k * n) / block)
    }
    return { real, imaginary }
  }
  for (let i = 0; i < count; i++) {
    const a = transform(x, i * block)
    const b = transform(y, i * block)
    sum.real += a.real * b.real + a.imaginary * b.imaginary
    sum.imaginary += a.imaginary * b.real - a.real * b.imaginary
  }
  const scale = (2 * 2) / (block * block) / count
  return { real: sum.real * scale, imaginary: sum.imaginary * scale }
}

it('keeps means, power and the phase between channels', () => {
  const made = synthesise(
    template(
      [
        { signal: 1, k: 9, real: 2, imaginary: 0 },
        { signal: 2, k: 9, real: 0, imaginary: 1 },
        { signal: 2, k: 25, real: 0.5, imaginary: 0 },
      ],
      3,
    ),
    4000,
  )
  const [x, y, flat] = made as [Float64Array, Float64Array, Float64Array]
  expect(flat.every(value => Math.abs(value - 3) < 1e-12)).toBe(true)
  expect(average(x.length, n => x[n]! - 3)).toBeCloseTo(0, 1)
  expect(average(x.length, n => (x[n]! - 3) ** 2)).toBeCloseTo(2, 1) // 2² / 2
  expect(average(y.length, n => (y[n]! - 3) ** 2)).toBeCloseTo(0.625, 1) // 1² / 2 + 0.5² / 2
  const cross = crossSpectrum(x, y, 9)
  const power = crossSpectrum(x, x, 9).real * crossSpectrum(y, y, 9).real
  expect((cross.real ** 2 + cross.imaginary ** 2) / power).toBeGreaterThan(0.98) // coherence
  expect(Math.atan2(cross.imaginary, cross.real)).toBeCloseTo(-Math.PI / 2, 1) // y is a quarter ahead
  expect(crossSpectrum(y, y, 17).real).toBeLessThan(0.01 * crossSpectrum(y, y, 9).real)
})

it('keeps a rhythm from block to block, and forgets it over many', () => {
  const [x] = synthesise(template([{ signal: 1, k: 9, real: 1, imaginary: 0 }]), 2000) as [Float64Array]
  const correlation = (lag: number): number =>
    average(x.length - lag, n => x[n]! * x[n + lag]!) / average(x.length, n => x[n]! ** 2)
  expect(correlation(block)).toBeGreaterThan(0.2)
  expect(Math.abs(correlation(10 * block))).toBeLessThan(0.1)
})

it('lifts and lowers motion together by the envelope, and gravity not at all', () => {
  const lines = [1, 4, 7].map(signal => ({ signal, k: 20, real: 1, imaginary: 0 }))
  const kurtosis = (x: Float64Array) =>
    average(x.length, n => x[n]! ** 4) / average(x.length, n => x[n]! ** 2) ** 2
  const calm = synthesise(template(lines), 4000)
  const bursts = synthesise(template([...lines, { signal: 0, k: 2, real: 0.8, imaginary: 0 }]), 4000)
  expect(kurtosis(bursts[0]!)).toBeGreaterThan(kurtosis(calm[0]!) + 1)
  expect(kurtosis(bursts[6]!)).toBeCloseTo(kurtosis(calm[6]!), 1)
  const together = (made: Float64Array[]): number => {
    const [x, z] = [made[0]!, made[3]!]
    return average(x.length, n => x[n]! ** 2 * z[n]! ** 2) / average(x.length, n => x[n]! ** 2) ** 2
  }
  expect(together(bursts)).toBeGreaterThan(together(calm) + 1)
})
