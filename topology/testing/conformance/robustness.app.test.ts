/** Conformance cases under what production adds: restarts, and commits that come when they come. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readCases } from './cases.ts'
import { runCase } from './run.ts'

const runnable = readCases(join(import.meta.dirname, 'cases')).map(({ name, parse }) => ({
  name,
  ...parse(),
}))

describe('stopped and restored from the changelogs after every fifth step, clocks included', () => {
  test.each(runnable)('$name', async ({ each, quirk }) => {
    const result = await runCase(each, { level: 'strict', quirk, restartEvery: 5 })
    expect(result).toEqual({ outcome: 'passed' })
  })
})

/**
 * A foreign-key join's result has the greater time of both sides as of when they met, and commits decide which of two
 * updates on the way to each other comes first.
 */
const timedByArrival = ['join-fk-join-store']

describe('with commits at random the final stores are the same', () => {
  const kept = runnable.filter(
    ({ name, each }) =>
      each.stores !== undefined && each.fails === undefined && !timedByArrival.includes(name),
  )
  test.each(kept)('$name', async ({ each, quirk }) => {
    const driver = { oneTask: true, applicationId: 'app', now: each.config.wallClockStartMs, commitEvery: 5 }
    for (const seed of [1, 2, 3]) {
      const result = await runCase(each, { level: 'stores', quirk, driver: { ...driver, seed } })
      expect(result, `seed ${seed}`).toEqual({ outcome: 'passed' })
    }
  })
})
