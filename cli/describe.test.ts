import { expect, test } from 'vitest'
import { tickerwatch } from '../test/tickerwatch.ts'

test('describe prints the topology as text, and as Mermaid', async () => {
  const [text, drawing] = await Promise.all([tickerwatch('describe'), tickerwatch('describe', '--mermaid')])
  expect(text).toMatchObject({ code: 0, stderr: [] })
  expect(text.stdout[0]).toBe('Topologies:')
  expect(text.stdout.join('\n')).toMatch(/Source: .*ticker-watch-data/)
  expect(drawing).toMatchObject({ code: 0, stderr: [] })
  expect(drawing.stdout[0]).toBe('flowchart LR')
  expect(drawing.stdout.join('\n')).toContain('"ticker-watch-data"')
})
