/** Runs the modules it is given, one after the other, and prints for each a line: a JSON array of the lines it printed. */

import { pathToFileURL } from 'node:url'
import { formatWithOptions } from 'node:util'

for (const file of process.argv.slice(2)) {
  const lines: string[] = []
  console.log = (...words: unknown[]) => {
    lines.push(...formatWithOptions({ breakLength: Number.POSITIVE_INFINITY }, ...words).split('\n'))
  }
  try {
    await import(pathToFileURL(file).href)
  } catch (error) {
    lines.push(`threw ${error instanceof Error ? error.stack : error}`)
  }
  process.stdout.write(`${JSON.stringify(lines)}\n`)
}
// Examples do not close what they start.
process.exit()
