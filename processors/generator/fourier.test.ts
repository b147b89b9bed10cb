import { expect, it } from 'vitest'
import { Fourier } from './fourier.ts'
import { seeded } from './random.ts'

it.each([8, 64, 256])('gives two signals of %i samples that are the sums of their cosines', length => {
  const random = seeded(1, length)
  const spectra = [0, 1].map(() =>
    Array.from({ length: length / 2 }, () => [random() - 0.5, random() - 0.5] as const),
  )
  const fourier = new Fourier(length)
  const made = [new Float64Array(length), new Float64Array(length)] as const
  for (let k = 1; k < length / 2; k++) fourier.set(k, ...spectra[0]![k]!, ...spectra[1]![k]!, ...made)
  fourier.transform(...made)
  spectra.forEach((spectrum, i) => {
    for (let n = 0; n < length; n++) {
      let sum = 0
      for (let k = 1; k < length / 2; k++) {
        const angle = (2 * Math.PI * k * n) / length
        sum += spectrum[k]![0] * Math.cos(angle) - spectrum[k]![1] * Math.sin(angle)
      }
      expect(made[i]![n]).toBeCloseTo(sum, 10)
    }
  })
})
