/** The rules, the alerts and the configurations, judged by the programs that read them. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const here = fileURLToPath(new URL('.', import.meta.url))

function says(program: string, ...words: string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(program, words, { cwd: here, encoding: 'utf8' })
  return { status, text: `${stdout}${stderr}` }
}

test.each([
  [
    'the rules are well formed',
    'promtool',
    ['check', 'rules', '--lint-fatal', 'recording.yml', 'alerts.yml'],
  ],
  ['the example configuration is', 'promtool', ['check', 'config', 'prometheus.yml']],
  [
    'each alert comes where it must and not where it must not',
    'promtool',
    ['test', 'rules', 'alerts.test.yml'],
  ],
  [
    'the example for Alertmanager is well formed',
    'amtool',
    ['check-config', '../alertmanager/alertmanager.yml'],
  ],
])('%s', (_, program, words) => {
  const { status, text } = says(program, ...words)
  expect([status, text]).toEqual([0, text])
})
