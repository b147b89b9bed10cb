/** `npm run dashboards`: writes dashboards/*.json, which Grafana reads, as the code says. */
import { writeFile } from 'node:fs/promises'
import { pages } from './pages.ts'
import { dashboard, type Page } from './panels.ts'

export function fileOf(page: Page): string {
  return `${JSON.stringify(dashboard(page), null, 2)}\n`
}

export const folder = new URL('dashboards/', import.meta.url)

if (process.argv[1] === import.meta.filename)
  for (const page of pages) await writeFile(new URL(`${page.uid}.json`, folder), fileOf(page))
