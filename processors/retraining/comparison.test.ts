import { describe, expect, it } from 'vitest'
import { type ComparedWindow, compare, compareRandomArm, objections } from './comparison.ts'

/** Windows of so many people; `right` says how often each release is. */
function windows(people: number, right: { candidate: number; serving: number }): ComparedWindow[] {
  return Array.from({ length: people }, (_, person) =>
    Array.from({ length: 100 }, (_, i): ComparedWindow => {
      const label = i % 2 ? 'walking' : 'sitting'
      const other = i % 2 ? 'sitting' : 'walking'
      const said = (share: number): string => ((i * 37 + person) % 100 < share * 100 ? label : other)
      return { person: `p${person}`, label, candidate: said(right.candidate), serving: said(right.serving) }
    }),
  ).flat()
}

const nothing = compareRandomArm([])

describe('a comparison of releases', () => {
  it('promotes what is better for everybody', () => {
    const better = compare(windows(8, { candidate: 0.95, serving: 0.9 }), 1)
    expect(better).toMatchObject({ people: 8, windows: 800 })
    expect(better.candidate).toBeCloseTo(0.95, 2)
    expect(better.serving).toBeCloseTo(0.9, 2)
    expect(better.lowerBound).toBeGreaterThan(0.03)
    expect(objections(better, nothing, 0.02)).toEqual([])
    expect(objections(better, nothing, 0.06)).toEqual([expect.stringContaining('is not above 0.06')])
  })

  it('does not promote what one person alone finds better', () => {
    const one = [
      ...windows(8, { candidate: 0.9, serving: 0.9 }),
      ...windows(1, { candidate: 1, serving: 0.5 }).map(each => ({ ...each, person: 'odd' })),
    ]
    const comparison = compare(one, 1)
    expect(comparison.difference).toBeGreaterThan(0.05)
    expect(objections(comparison, nothing, 0)).toHaveLength(1)
  })

  it('is the same each time, and decides nothing on two people', () => {
    const two = windows(2, { candidate: 1, serving: 0.5 })
    expect(compare(two, 3)).toEqual(compare(two, 3))
    expect(objections(compare(two, 3), nothing, 0)).toEqual([expect.stringContaining('2 people')])
  })

  it('listens to the random arm, once it has enough', () => {
    const better = compare(windows(8, { candidate: 0.95, serving: 0.9 }), 1)
    const worse = windows(1, { candidate: 0.7, serving: 0.8 })
    expect(objections(better, compareRandomArm(worse.slice(0, 29)), 0)).toEqual([])
    expect(objections(better, compareRandomArm(worse), 0)).toEqual([
      expect.stringContaining('0.700 instead of 0.800'),
    ])
  })
})
