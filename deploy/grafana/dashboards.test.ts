import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { fileOf, folder } from './generate.ts'
import { pages } from './pages.ts'

test('the files are as the code says: otherwise `npm run dashboards`', () => {
  expect(readdirSync(folder).sort()).toEqual(pages.map(({ uid }) => `${uid}.json`).sort())
  for (const page of pages) {
    const file = readFileSync(new URL(`${page.uid}.json`, folder), 'utf8')
    expect(file, page.uid).toBe(fileOf(page))
  }
})

test('each dashboard has a name of its own, and each panel says what is seen there', () => {
  expect(new Set(pages.map(({ uid }) => uid)).size).toBe(pages.length)
  for (const { rows, title } of pages) {
    const panels = rows.flatMap(row => row.panels)
    expect(new Set(panels.map(panel => panel.title)).size, title).toBe(panels.length)
    for (const panel of panels) {
      expect(panel.about, panel.title).toMatch(/\.$/)
      for (const { expr } of panel.queries) expect(expr, panel.title).toContain('job="$job"')
    }
  }
})
