import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { simulate } from './run.ts'
import { scenarioOf } from './scenario.ts'
import { Watchdog } from './watchdog.ts'

it('finds nothing wrong in 500 seeds, in which faults of every kind struck', async () => {
  const watchdog = await Watchdog.start()
  const struck = new Set<string>()
  for (let seed = 1; seed <= 500; seed++) {
    watchdog.begins(seed)
    const { violations, faults } = await simulate(scenarioOf(seed))
    expect(violations, `npm run simulate -- --from ${seed} --seeds 1`).toEqual([])
    for (const kind of Object.keys(faults)) struck.add(kind)
  }
  await watchdog.close()
  const disks = ['kept', 'lost', 'older', 'corrupt'].map(disk => `crash, disk ${disk}`)
  const others = ['pause', 'zombie', 'stop', 'join', 'fail', 'loseAnswer', 'delay']
  expect([...struck]).toEqual(expect.arrayContaining([...disks, ...others]))
})

function run(...words: string[]): { status: number | null; last: string; errors: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', ...words], {
    encoding: 'utf8',
  })
  return { status, last: stdout.trim().split('\n').at(-1) ?? '', errors: stderr }
}

it('says as JSON what was run, also of a scenario with less in it', () => {
  const command = fileURLToPath(new URL('./simulate.ts', import.meta.url))
  const { status, last } = run(command, ...'--seeds 2 --from 8 --faults none --records 9 --json'.split(' '))
  expect(status).toBe(0)
  expect(JSON.parse(last)).toMatchObject({ seeds: 2, failed: [], faults: {} })
  expect(JSON.parse(last).steps).toBeGreaterThan(10)
  expect(run(command, '--operators', 'nothing').status).toBe(1)
})

it('names the seed in which nothing goes on any more', () => {
  const watchdog = new URL('./watchdog.ts', import.meta.url).href
  const hang = `const { Watchdog } = await import('${watchdog}'); (await Watchdog.start(200)).begins(7); for (;;) await null`
  const { status, errors } = run('--input-type=module', '--eval', hang)
  expect(status).not.toBe(0)
  expect(errors).toContain('--from 7 --seeds 1')
})
