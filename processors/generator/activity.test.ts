import { describe, expect, it } from 'vitest'
import { Marginals } from './activity.ts'
import { motions } from './profile.ts'
import { normal, quantile, seeded } from './random.ts'

const levels = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]

describe('Marginals', () => {
  const random = seeded(1, 1)
  const draw = (count: number): Float64Array => Float64Array.from({ length: count }, () => normal(random))
  const wanted = [0, 0.2, 0.3, 0.5, 5, 6, 10]

  it('gives samples the quantiles wanted, and none beyond the least and the greatest', () => {
    const marginals = new Marginals([draw(20_000)], levels, [wanted])
    const mapped = draw(20_000)
      .map(value => marginals.map(0, value))
      .sort()
    levels.slice(1, -1).forEach((level, i) => {
      const found = mapped[Math.floor(level * mapped.length)]!
      const [below, above] = [wanted[i]!, wanted[i + 2]!]
      expect(Math.abs(found - wanted[i + 1]!) / (above - below)).toBeLessThan(0.05)
    })
    expect(marginals.map(0, -100)).toBe(0)
    expect(marginals.map(0, 100)).toBe(10)
  })

  it('keeps the order, and finds its way where samples are all the same', () => {
    const marginals = new Marginals([draw(1000), new Float64Array(1000).fill(2)], levels, [wanted, wanted])
    const mapped = draw(1000)
      .sort()
      .map(value => marginals.map(0, value))
    expect(mapped.every((value, i) => i === 0 || value >= mapped[i - 1]!)).toBe(true)
    for (const value of [1.9, 2, 2.1]) expect(Number.isFinite(marginals.map(1, value))).toBe(true)
  })

  it('does not stretch gravity to more than twice', () => {
    const marginals = new Marginals(
      Array.from({ length: motions + 1 }, () => draw(2000)),
      levels,
      Array.from({ length: motions + 1 }, () => wanted),
    )
    const slope = (channel: number): number =>
      Math.max(
        ...Array.from({ length: 60 }, (_, i) => -3 + i / 10).map(
          x => (marginals.map(channel, x + 0.1) - marginals.map(channel, x)) / 0.1,
        ),
      )
    expect(slope(0)).toBeGreaterThan(4)
    expect(slope(motions)).toBeLessThanOrEqual(2 + 1e-9)
  })
})

it('finds values between quantiles', () => {
  const values = [0, 1, 2, 3, 4, 5, 16]
  expect(levels.map(level => quantile(levels, values, level))).toEqual(values)
  expect(quantile(levels, values, 0.95)).toBeCloseTo(10.5)
})
