import { describe, expect, it } from 'vitest'
import { stateContract } from '../../../state/contract.ts'
import { Disk } from './disk.ts'
import { simulate } from './run.ts'
import { reduced, scenarioOf } from './scenario.ts'
import { shrink } from './shrink.ts'

stateContract('simulated disk', async () => ({ backend: new Disk().backend, dispose: async () => {} }))

describe('the simulator', () => {
  it('finds nothing wrong in the first seeds', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { violations } = await simulate(scenarioOf(seed))
      expect(violations, `npm run simulate -- --from ${seed} --seeds 1`).toEqual([])
    }
  })

  it('does the same again for the same seed, and something else for another', async () => {
    const digestOf = async (seed: number): Promise<string> => (await simulate(scenarioOf(seed))).digest
    for (const seed of [3, 11, 19]) expect(await digestOf(seed)).toBe(await digestOf(seed))
    expect(await digestOf(3)).not.toBe(await digestOf(4))
  })

  it('makes a failing scenario small, and keeps what it fails by', async () => {
    const scenario = scenarioOf(8)
    expect(scenario.faults.length).toBeGreaterThan(2)
    const needed = scenario.faults.length - 1
    const result = await shrink(scenario, async ({ faults, records }) =>
      faults.includes(scenario.faults[needed]!) && records.length >= 7 ? ['4: something'] : [],
    )
    expect(result).toMatchObject({ faults: [needed], records: 7, nodes: 1 })
    expect(result.parts).toHaveLength(1)
    expect(reduced(scenario, result).faults).toEqual([scenario.faults[needed]])
  })
})
