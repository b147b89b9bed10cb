import { expect, it } from 'vitest'
import { hearsLate, mutants, type Wrong, zombies } from './mutants.ts'
import { simulate } from './run.ts'
import { scenarioOf } from './scenario.ts'

/** Seeds in which the checks must find what is wrong. */
const SEEDS = 150

async function foundIn({ mutant, violates, operators, scenario: otherwise }: Wrong): Promise<string[]> {
  const found: string[] = []
  for (let seed = 1; seed <= SEEDS; seed++) {
    const scenario = scenarioOf(seed)
    const isMeant = operators === undefined || operators.some(each => scenario.parts.includes(each))
    if (scenario.guarantee !== 'exactly_once' || !isMeant) continue
    const { violations } = await simulate({ ...scenario, ...otherwise?.(scenario) }, { mutant: mutant() })
    found.push(...violations)
    if (violations.some(violation => violates.test(violation))) break
  }
  return found
}

it.each(mutants)('finds an engine that $name', async wrong => {
  expect(await foundIn(wrong)).toContainEqual(expect.stringMatching(wrong.violates))
})

it('does not take one that hears late for one that does not ask', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const scenario = scenarioOf(seed)
    if (scenario.guarantee !== 'exactly_once') continue
    const { violations } = await simulate({ ...scenario, ...zombies() }, { mutant: hearsLate() })
    expect(violations).not.toContainEqual(expect.stringMatching(/has not asked/))
  }
})
