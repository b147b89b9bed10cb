import { expect, it } from 'vitest'
import { simulate } from './run.ts'
import { scenarioOf } from './scenario.ts'

it('finds nothing wrong in 500 seeds, in which faults of every kind struck', async () => {
  const struck = new Set<string>()
  for (let seed = 1; seed <= 500; seed++) {
    const { violations, faults } = await simulate(scenarioOf(seed))
    expect(violations, `npm run simulate -- --from ${seed} --seeds 1`).toEqual([])
    for (const kind of Object.keys(faults)) struck.add(kind)
  }
  const disks = ['kept', 'lost', 'older', 'corrupt'].map(disk => `crash, disk ${disk}`)
  const others = ['pause', 'zombie', 'stop', 'join', 'fail', 'loseAnswer', 'delay']
  expect([...struck]).toEqual(expect.arrayContaining([...disks, ...others]))
})
