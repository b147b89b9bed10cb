/** `npm run fuzz`: all decoders in turn for some minutes, with more seeds than `npm test` tries. Ends with 1 when one is found wrong. */
import { parseArgs } from 'node:util'
import { fuzz } from './target.ts'
import { targets } from './targets.ts'

/** Of a target, before it is the next one's turn. */
const RUNS = 2000

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string' },
    target: { type: 'string' },
  },
})
const end = performance.now() + Number(values.minutes) * 60_000
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target)
if (!(end > 0) || chosen.length === 0) {
  console.error(
    `--minutes NUMBER, --seed NUMBER, --target NAME: one of ${targets.map(({ name }) => name).join(', ')}`,
  )
  process.exit(2)
}

let seed = Number(values.seed ?? Date.now() % 2 ** 31)
let runs = 0
do {
  for (const target of chosen) {
    // Told before: where a decoder goes round for ever, the last line says with what.
    console.log(`${target.name}: --seed ${seed}`)
    const found = await fuzz(target, { numRuns: RUNS, seed })
    runs += found.runs
    if (found.report === undefined) continue
    console.log(found.report)
    process.exit(1)
  }
  seed++
} while (performance.now() < end)
console.log(`${runs} runs, nothing found`)
