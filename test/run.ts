/**
 * Runs the suites one after the other and adds up: `npm test`, `npm test -- NAME…`, `npm run test:quick`. A suite that
 * cannot run here is named with the reason; with CI=true nothing may be left out.
 */
import { endPrograms, firstLine, type Outcome } from './programs.ts'
import { type Suite, suites } from './suites.ts'

interface Ran {
  readonly name: string
  readonly outcome: Outcome
  readonly seconds: number
}

const ci = process.env.CI === 'true'
let interrupted = false

function chosen(words: readonly string[]): readonly Suite[] {
  if (words.includes('--quick')) return suites.filter(suite => suite.quick)
  const unknown = words.filter(word => !suites.some(({ name }) => name === word))
  if (unknown.length > 0) {
    console.error(`no suite ${unknown.join(', ')}; there are ${suites.map(({ name }) => name).join(', ')}`)
    process.exit(2)
  }
  return words.length === 0 ? suites : suites.filter(({ name }) => words.includes(name))
}

async function runSuite({ name, needs, run }: Suite): Promise<Ran> {
  const reason = needs.map(missing => missing()).find(text => text !== undefined)
  if (reason !== undefined) return { name, seconds: 0, outcome: { passed: 0, failed: [], skipped: [reason] } }
  console.log(`\n== ${name}`)
  const begin = performance.now()
  const outcome = await run().catch((error: Error): Outcome => {
    console.error(error.message)
    return { passed: 0, failed: [firstLine(error.message)], skipped: [] }
  })
  return { name, outcome, seconds: (performance.now() - begin) / 1000 }
}

function summarise({ name, outcome: { passed, failed, skipped }, seconds }: Ran): void {
  if (seconds === 0) console.log(`${name.padEnd(10)}  cannot run here: ${skipped[0]}`)
  else {
    const left = skipped.length > 0 ? `, ${skipped.length} skipped` : ''
    console.log(
      `${name.padEnd(10)}  ${passed} passed, ${failed.length} failed${left} (${seconds.toFixed(1)} s)`,
    )
    for (const test of failed) console.log(`${''.padEnd(12)}failed: ${test}`)
    for (const test of skipped) console.log(`${''.padEnd(12)}skipped: ${test}`)
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true
    endPrograms(signal)
  })
}

const ran: Ran[] = []
for (const suite of chosen(process.argv.slice(2))) {
  ran.push(await runSuite(suite))
  if (interrupted) process.exit(130)
}

console.log('\n== summary')
ran.forEach(summarise)
const sum = (count: (outcome: Outcome) => number) => ran.reduce((all, { outcome }) => all + count(outcome), 0)
const skipped = sum(outcome => outcome.skipped.length)
if (ci && skipped > 0) console.log('with CI=true what is skipped has failed')
const failed = sum(outcome => outcome.failed.length) + (ci ? skipped : 0)
const rest = skipped > 0 && !ci ? `, ${skipped} skipped` : ''
console.log(`${sum(outcome => outcome.passed)} passed, ${failed} failed${rest}`)
process.exitCode = failed === 0 ? 0 : 1
