import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isSupported } from './build.ts'
import { readCases } from './cases.ts'
import { needs } from './operators.ts'
import { runCase } from './run.ts'

/** What the cases use and the runner cannot build yet. A case that needs one of them is not run. */
const unsupported: readonly string[] = []

/** Cases whose outcome still differs, with the reason. One that has come right must leave this list. */
const differing: Readonly<Record<string, string>> = {}

const cases = readCases(join(import.meta.dirname, 'cases')).map(({ name, parse }) => ({ name, ...parse() }))
const runnable = cases.filter(({ each }) => [...needs(each)].every(isSupported))

describe(`${runnable.length} cases, without ${cases.length - runnable.length} that need what is unsupported`, () => {
  test.each(runnable)('$name', async ({ name, each, quirk }) => {
    const result = await runCase(each, { level: 'strict', quirk })
    if (differing[name] !== undefined) expect(result.outcome, 'it has come right').toBe('failed')
    else expect(result).toEqual({ outcome: 'passed' })
  })
})

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

test('what is unsupported is listed, and nothing else', () => {
  const found = new Set(cases.flatMap(({ each }) => [...needs(each)]).filter(need => !isSupported(need)))
  expect([...found].sort()).toEqual([...unsupported].sort())
})

test('every case is named as its file, and each one marked as a quirk has an expectation of ours', () => {
  for (const { name, each, quirk } of cases) {
    expect(each.name).toBe(name)
    expect(quirk?.name).toBe(each.quirk === undefined ? undefined : name)
  }
})
