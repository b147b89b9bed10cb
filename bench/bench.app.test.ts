/** That each benchmark runs and prints its figures; what they are depends on the machine. */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { root } from '../test/files.ts'
import { plainEnvironment } from '../test/tickerwatch.ts'

test.each([
  ['log.ts', /produce.*records\/s\ndeliver and walk: .*records\/s/],
  ['windows.ts', /readings\/s +[1-9]\d*\nCPU-s per million +[\d.]+\nwindows closed +[1-9]\d*\n/],
])('%s', (name, figures) => {
  expect(run('--import', 'tsx', `bench/${name}`, '20000')).toMatch(figures)
})

test('says how the two sides are compared', () => {
  expect(run('bench/bench.mjs', 'watch', '--help')).toContain('--records')
})

function run(...words: readonly string[]): string {
  return execFileSync(process.execPath, words, { cwd: root, env: plainEnvironment(), encoding: 'utf8' })
}
