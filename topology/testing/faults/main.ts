/**
 * `npm run faults -- [--minutes M] [--only TEXT] [--json] [--seed N]`: every fault once, then again and again until the time is over. The
 * last line is JSON; exit code 1 if anything was lost, doubled, out of order or left hanging.
 */
import { parseArgs } from 'node:util'
import { faults } from './faults.ts'
import { runFaults } from './run-faults.ts'

const { values } = parseArgs({
  options: {
    /** At least one round of all faults is made, which takes about three minutes. */
    minutes: { type: 'string', default: '0' },
    /** Only the faults whose name contains it, to look into one of them. */
    only: { type: 'string', default: '' },
    /** No text besides the last line. */
    json: { type: 'boolean', default: false },
    /** Of the order of the faults, the nodes they strike, and the input. */
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
  },
})
const [minutes, seed] = [Number(values.minutes), Number(values.seed)]
const chosen = faults.filter(({ name }) => name.includes(values.only))
if (chosen.length === 0) {
  console.error(
    `no fault is called so; there are:\n${[...new Set(faults.map(each => each.name))].join('\n')}`,
  )
  process.exit(2)
}
if (!(minutes >= 0) || !Number.isSafeInteger(seed)) {
  console.error('--minutes is a number of minutes, --seed a whole number')
  process.exit(2)
}
// What was started ends with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
const begin = Date.now()
const say = (text: string): void => {
  if (!values.json) console.error(`${((Date.now() - begin) / 1000).toFixed(1).padStart(7)} s  ${text}`)
}
const result = await runFaults({ minutes, seed, faults: chosen, say })
console.log(JSON.stringify(result))
process.exitCode = result.passed ? 0 : 1
