import { describe, expect, onTestFailed, test } from 'vitest'
import { faults } from './faults.ts'
import { runFaults } from './run-faults.ts'
import { faultsUnavailable } from './verifier.ts'

const reason = faultsUnavailable()

describe.skipIf(reason !== undefined)(`three nodes on a real broker ${reason ?? ''}`, () => {
  test('every fault once: nothing is lost, doubled, out of order or left hanging', async () => {
    const said: string[] = []
    onTestFailed(() => console.log(said.join('\n')))
    const report = await runFaults({ minutes: 0, seed: 20260101, faults, say: text => said.push(text) })
    expect(report.problems).toEqual([])
    expect(report).toMatchObject({ lost: 0, duplicated: 0, outOfOrder: 0, wrong: 0, hangingTransactions: 0 })
    expect(report.passed).toBe(true)
    const struck = (count: keyof typeof report): number =>
      faults.flatMap(fault => fault.counts).filter(each => each === count).length
    const { kills, zombies, brokerRestarts, cuts, joinsAndLeaves, statesDamaged } = report
    expect({ kills, zombies, brokerRestarts, cuts, joinsAndLeaves, statesDamaged }).toEqual({
      kills: struck('kills'),
      zombies: struck('zombies'),
      brokerRestarts: struck('brokerRestarts'),
      cuts: struck('cuts'),
      joinsAndLeaves: struck('joinsAndLeaves'),
      statesDamaged: struck('statesDamaged'),
    })
    expect(report.records.input).toBeGreaterThan(10_000)
    expect(report.records.windows).toBeGreaterThan(100)
    expect(report.records.late).toBeGreaterThan(100)
  })
})
