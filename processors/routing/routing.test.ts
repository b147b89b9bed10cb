import { describe, expect, it } from 'vitest'
import { drawn, type RoutingPolicy, requestCounts, router, type Window } from './routing.ts'

const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1)
const policy: RoutingPolicy = { requestsPerHour: 6, randomShare: 0, seed: 1 }

const window = (at: number, route: Window['route'] = 'unsure', deviceId = 'w1'): Window => ({
  deviceId,
  windowStart: START + at,
  route,
})

describe('routing', () => {
  it('asks about unsure windows until the budget of the task and hour is spent', () => {
    const counts = requestCounts('counts')
    const route = router(policy, 2)
    const routes = [0, 1, 2, 3, 4, HOUR, HOUR + 1, 5].map(at => route(window(at), counts))
    expect(routes).toEqual([
      ...Array(3).fill('unsure'),
      ...Array(2).fill('unsureOverBudget'),
      ...Array(2).fill('unsure'),
      'unsureOverBudget',
    ])
    expect(route(window(6, 'sure'), counts)).toBe('sure')
  })

  it('draws the random arm by device, window and seed, whatever the model says, beside the budget', () => {
    const counts = requestCounts('counts')
    const route = router({ ...policy, requestsPerHour: 0, randomShare: 0.05 }, 2)
    const windows = Array.from({ length: 20_000 }, (_, i) => window((i >> 3) * 2500, 'sure', `w${i % 8}`))
    const random = windows.filter(each => route(each, counts) === 'randomArm')
    // Binomial: 1,000 expected, and a standard deviation of 31.
    expect(Math.abs(random.length - 1000)).toBeLessThan(160)
    for (const each of random) expect(route({ ...each, route: 'unsure' }, counts)).toBe('randomArm')
    expect(counts.size).toBe(0)
    const other = windows.filter(each => drawn(each, 2) < 0.05)
    expect(other.filter(each => random.includes(each)).length).toBeLessThan(120)
    for (const device of ['w0', 'w7']) {
      expect(random.filter(each => each.deviceId === device).length).toBeGreaterThan(80)
    }
  })

  it('counts a bounded number of hours, and asks nothing more of those older than all of them', () => {
    const counts = requestCounts('counts')
    const route = router(policy, 1)
    for (let hour = 1; hour <= 1500; hour++) expect(route(window(hour * HOUR), counts)).toBe('unsure')
    expect(counts.size).toBe(1000)
    expect(route(window(0), counts)).toBe('unsureOverBudget')
    expect(route(window(501 * HOUR), counts)).toBe('unsure')
    expect(counts.size).toBe(1000)
  })

  it('refuses a policy that cannot be kept', () => {
    expect(() => router({ ...policy, requestsPerHour: 3 }, 4)).toThrow('cannot be divided')
    expect(() => router({ ...policy, requestsPerHour: Number.NaN }, 4)).toThrow('cannot be divided')
    expect(() => router({ ...policy, randomShare: 1.5 }, 4)).toThrow('random share')
  })
})
