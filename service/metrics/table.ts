/** The table of `docs/metrics.md`. */
import type { Measure } from './measure.ts'

export function table(measures: readonly Measure[]): string {
  const rows = measures.map(({ name, type, labels = [], help }) => {
    const by = labels.map(label => `\`${label}\``).join(', ')
    return `| \`${name}\` | ${type} | ${by} | ${help} |`
  })
  return ['| name | type | labels | what |', '|---|---|---|---|', ...rows].join('\n')
}
