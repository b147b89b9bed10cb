/**
 * `npm run simulate -- --seeds 2000 [--from N] [--json]`: runs seeds; exit code 1 if one of them failed. A failing one is
 * made small, and the command that runs the small one is printed; `--trace` shows what happens in it.
 */
import { parseArgs } from 'node:util'
import { simulate } from './run.ts'
import { type Reduction, reduced, scenarioOf } from './scenario.ts'
import { shrink } from './shrink.ts'
import { type OperatorName, operators } from './topologies.ts'
import { Watchdog } from './watchdog.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    /** One JSON object on the last line. */
    json: { type: 'boolean', default: false },
    /** What a printed command says of a failing seed: numbers of the faults that stay, as `0,3`, or `none`. */
    faults: { type: 'string' },
    /** How many records stay. */
    records: { type: 'string' },
    nodes: { type: 'string' },
    /** The operators that stay, as `count,join`. */
    operators: { type: 'string' },
    /** Show all that happens. */
    trace: { type: 'boolean', default: false },
  },
})

/** Lines of a failing seed's trace that are shown. */
const TRACE_LINES = 60

interface Failure {
  readonly seed: number
  readonly violations: readonly string[]
  readonly command: string
}

const begun = performance.now()
const [from, seeds] = [wholeNumber('from', values.from), wholeNumber('seeds', values.seeds)]
const given = reductionGiven()
const failed: Failure[] = []
const faults: Record<string, number> = {}
let steps = 0
const watchdog = await Watchdog.start()
for (let seed = from; seed < from + seeds; seed++) {
  watchdog.begins(seed)
  const scenario = reduced(scenarioOf(seed), given)
  const outcome = await simulate(scenario, { traceLines: values.trace ? Number.POSITIVE_INFINITY : 0 })
  steps += outcome.steps
  for (const [kind, count] of Object.entries(outcome.faults)) faults[kind] = (faults[kind] ?? 0) + count
  if (values.trace) console.log(outcome.trace.join('\n'))
  if (outcome.violations.length === 0) continue
  const small = await shrink(scenario, async smaller => {
    watchdog.begins(seed)
    return (await simulate(smaller)).violations
  })
  const { trace } = await simulate(reduced(scenario, small), { traceLines: TRACE_LINES })
  const command = commandOf(seed, small)
  failed.push({ seed, violations: outcome.violations, command })
  console.log(`seed ${seed} failed:\n  ${outcome.violations.join('\n  ')}`)
  console.log(`the end of a small one:\n${trace.slice(-TRACE_LINES).join('\n')}\nagain: ${command}\n`)
}
await watchdog.close()
const seconds = Math.round((performance.now() - begun) / 100) / 10
if (values.json) console.log(JSON.stringify({ seeds, failed, faults, steps, seconds }))
else {
  const list = Object.entries(faults).sort(([, a], [, b]) => b - a)
  console.log(list.map(([kind, count]) => `${count} × ${kind}`).join(', '))
  console.log(`${seeds} seeds, ${failed.length} failed, ${steps} steps, ${seconds} s`)
}
process.exitCode = failed.length > 0 ? 1 : 0

function commandOf(seed: number, { faults, records, nodes, parts }: Required<Reduction>): string {
  const chosen = faults.map(number => given.faults?.[number] ?? number)
  const words = [`--from ${seed} --seeds 1`, `--faults ${chosen.join(',') || 'none'}`]
  return `npm run simulate -- ${[...words, `--records ${records} --nodes ${nodes} --operators ${parts}`].join(' ')} --trace`
}

function reductionGiven(): Reduction {
  const { faults, records, nodes } = values
  return {
    faults: faults === undefined ? undefined : faults === 'none' ? [] : faults.split(',').map(Number),
    records: records === undefined ? undefined : wholeNumber('records', records),
    nodes: nodes === undefined ? undefined : wholeNumber('nodes', nodes),
    parts: values.operators?.split(',').map(operatorOf),
  }
}

function operatorOf(name: string): OperatorName {
  const found = operators.find(each => each === name)
  if (found === undefined) throw new Error(`--operators knows ${operators.join(', ')}, not ${name}`)
  return found
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${name} ${text} is no whole number`)
  return number
}
