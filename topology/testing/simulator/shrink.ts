/** From a scenario that fails to a small one that fails in the same way: fewer faults, records, operators, nodes. */
import { type Reduction, reduced, type Scenario } from './scenario.ts'

/** Runs of a scenario, at most. */
const MOST_RUNS = 200

/**
 * @param violationsOf runs a scenario
 * @returns what can be left out; the scenario without it still violates the same invariant
 */
export async function shrink(
  scenario: Scenario,
  violationsOf: (scenario: Scenario) => Promise<readonly string[]>,
): Promise<Required<Reduction>> {
  const invariantOf = (violation: string | undefined): string => violation?.split(':')[0] ?? ''
  const invariant = invariantOf((await violationsOf(scenario))[0])
  let best: Required<Reduction> = {
    faults: scenario.faults.map((_, i) => i),
    records: scenario.records.length,
    nodes: scenario.nodes,
    parts: scenario.parts,
  }
  let runs = 0
  const tryWith = async (smaller: Partial<Reduction>): Promise<boolean> => {
    if (runs++ >= MOST_RUNS) return false
    const reduction = { ...best, ...smaller }
    const violations = await violationsOf(reduced(scenario, reduction))
    if (!violations.some(violation => invariantOf(violation) === invariant)) return false
    best = reduction
    return true
  }
  for (let before: unknown; before !== best && runs < MOST_RUNS; ) {
    before = best
    for (let size = best.faults.length; size >= 1; size = Math.floor(size / 2)) {
      for (let from = 0; from < best.faults.length; ) {
        const faults = best.faults.filter((_, i) => i < from || i >= from + size)
        if (!(await tryWith({ faults }))) from += size
      }
    }
    for (const part of best.parts) {
      if (best.parts.length > 1) await tryWith({ parts: best.parts.filter(each => each !== part) })
    }
    while (best.nodes > 1 && (await tryWith({ nodes: best.nodes - 1 })));
    for (let step = Math.ceil(best.records / 2); step >= 1; step = Math.floor(step / 2)) {
      while (best.records > step && (await tryWith({ records: best.records - step })));
    }
  }
  return best
}
