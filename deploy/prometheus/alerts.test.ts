/** Whether each alert is explained, and tried where it must come and where it must not; `promtool` runs those tries. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')
const alerts = [...read('alerts.yml').matchAll(/^ +- alert: (\w+)$/gm)].map(([, name = '']) => name)

test('each alert has its section in docs/alerts.md, in the same order, and points to it', () => {
  const doc = read('../../docs/alerts.md')
  const sections = [...doc.matchAll(/^## (\w+)\n\n\*(page|warning)\.\*([\s\S]*?)(?=^## |(?![\s\S]))/gm)]
  expect(sections.map(([, name]) => name).sort()).toEqual([...alerts].sort())
  for (const [, name = '', severity, text = ''] of sections) {
    expect(text, name).toContain('\n- Look at: ')
    expect(text, name).toContain('\n- Do: ')
    const [, rule = ''] = read('alerts.yml').split(`- alert: ${name}\n`)
    const [own = ''] = rule.split('- alert: ')
    expect(own, name).toContain(`severity: ${severity}`)
    expect(own, name).toContain(`runbook: docs/alerts.md#${name.toLowerCase()}\n`)
    expect(own, name).toMatch(/^ +summary: \S/m)
  }
})

test('each alert is tried where it comes and where it does not', () => {
  const tries = read('alerts.test.yml')
  const silent = [...tries.matchAll(/alertname: (\w+), exp_alerts: \[\]/g)].map(([, name]) => name)
  const firing = [...tries.matchAll(/alertname: (\w+)\n +exp_alerts:\n +- exp_labels/g)].map(
    ([, name]) => name,
  )
  expect([...new Set(silent)].sort()).toEqual([...alerts].sort())
  expect([...new Set(firing)].sort()).toEqual([...alerts].sort())
})
