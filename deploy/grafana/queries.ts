/** How dashboards ask. docs/metrics.md says what each metric is, and which are summed over nodes and which are the same on each. */
import type { Panel, Query, Unit } from './panels.ts'

export const query = (legend: string, expr: string): Query => ({ legend, expr })
export const panel = (title: string, unit: Unit, about: string, ...queries: Query[]): Panel => ({
  title,
  unit,
  about,
  queries,
})

/** Of a histogram, by these labels. */
export const quantile = (q: number, metric: string, by = ''): string =>
  `histogram_quantile(${q}, sum by (le${by}) (rate(${metric}_bucket{job="$job"}[$__rate_interval])))`
/** Per second, summed over nodes. */
export const rate = (metric: string, by: string, labels = ''): string =>
  `sum by (${by}) (rate(${metric}{job="$job"${labels}}[$__rate_interval]))`
/** What every node tells of the application. */
export const same = (metric: string, by: string, labels = ''): string =>
  `max by (${by}) (${metric}{job="$job"${labels}})`
