/** `npm run conformance -- DIR [--lenient] [--json]`: runs the cases of a directory; exit code 1 if one of them failed. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readCases } from './cases.ts'
import type { Difference, Level } from './compare.ts'
import { type Result, runCase } from './run.ts'

const here = dirname(fileURLToPath(import.meta.url))

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    /** The order across keys within a step is left open. */
    lenient: { type: 'boolean', default: false },
    /** One JSON object instead of text. */
    json: { type: 'boolean', default: false },
  },
})
const { lenient, json } = values
const level: Level = lenient ? 'lenient' : 'strict'

interface Report {
  readonly name: string
  readonly quirk: boolean
  readonly result: Result | { readonly outcome: 'failed'; readonly error: string }
}

async function report({ name, parse }: ReturnType<typeof readCases>[number]): Promise<Report> {
  try {
    const { each, quirk } = parse()
    return { name, quirk: each.quirk !== undefined, result: await runCase(each, { level, quirk }) }
  } catch (error) {
    return { name, quirk: false, result: { outcome: 'failed', error: String(error) } }
  }
}

const reports: Report[] = []
for (const each of readCases(positionals[0] ?? join(here, 'cases'))) reports.push(await report(each))

const failed = reports.filter(({ result }) => result.outcome === 'failed')
const unsupported = reports.filter(({ result }) => result.outcome === 'unsupported')
const passed = reports.filter(({ result, quirk }) => result.outcome === 'passed' && !quirk)
const quirks = reports.filter(({ result, quirk }) => result.outcome === 'passed' && quirk)

if (json) {
  const counts = {
    level,
    passed: passed.length,
    failed: failed.length,
    quirks: quirks.length,
    unsupported: unsupported.length,
  }
  const problems = [...failed, ...unsupported].map(({ name, result }) => ({ name, ...result }))
  console.log(JSON.stringify({ ...counts, problems }, null, 1))
} else {
  for (const { name, result } of reports) {
    if (result.outcome !== 'passed') console.log(`${name}: ${explain(result)}`)
  }
  console.log(summary())
}
process.exitCode = failed.length > 0 || reports.length === 0 ? 1 : 0

function summary(): string {
  const counts = [`${passed.length} passed`, `${failed.length} failed`]
  if (quirks.length > 0) counts.push(`${quirks.length} quirk`)
  if (unsupported.length > 0) counts.push(`${unsupported.length} unsupported`)
  return counts.join(', ')
}

function explain(result: Exclude<Report['result'], { outcome: 'passed' }>): string {
  if (result.outcome === 'unsupported') return `unsupported op ${result.operators.join(', ')}`
  if ('error' in result) return result.error
  if ('difference' in result) return text(result.difference)
  return `expected ${result.expected}, got ${result.actual}`
}

function text({ where, step, index, expected, actual }: Difference): string {
  const place = step === undefined ? where : `step ${step}, ${where}`
  const row = (each: unknown): string => (each === undefined ? 'nothing' : JSON.stringify(each))
  return `${place}, record ${index}: expected ${row(expected)}, got ${row(actual)}`
}
