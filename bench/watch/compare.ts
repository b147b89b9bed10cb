/**
 * `npm run bench -- watch`: the watch workload on this engine and on Kafka Streams, in turn, on the same broker and topic;
 * every output record is compared with the oracle. Prints both sides and the ratios of their medians.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { startBroker } from '../../topology/log/kafka/broker/start-broker.ts'
import { median } from '../benchmark.ts'
import { run } from '../program.ts'
import { dataSet, peerSource } from './data-set.ts'
import { buildPeer, checkerPython } from './peer.ts'

export interface CompareOptions {
  readonly runs: number
  /** Of the generated input: 200 a tick. */
  readonly records: number
  readonly threads: readonly number[]
  readonly guarantees: readonly Guarantee[]
  readonly json: boolean
  readonly signal: AbortSignal
}

const program = resolve(import.meta.dirname, '../watch-bench.mjs')
const sides = ['ours', 'peer'] as const
/** And what the checker calls them. */
const variants = { exactly_once: 'eos', at_least_once: 'alo' } as const
export type Guarantee = keyof typeof variants
export const guarantees: readonly Guarantee[] = ['exactly_once', 'at_least_once']

/** What the checker prints of a run. */
interface Run {
  readonly records_per_s: number
  readonly cpu_s_per_million: number
  readonly second_half_records_per_s: number | null
  readonly second_half_cpu_s_per_million: number | null
  readonly broker_cpu_s_per_million: number
  readonly peak_rss_mib: number
  readonly check: Readonly<Record<string, number>>
}

/** By what they are called in the result. */
const figures = {
  throughput: run => run.records_per_s,
  cpu: run => run.cpu_s_per_million,
  secondHalfThroughput: run => run.second_half_records_per_s ?? Number.NaN,
  secondHalfCpu: run => run.second_half_cpu_s_per_million ?? Number.NaN,
  rss: run => run.peak_rss_mib,
  brokerCpu: run => run.broker_cpu_s_per_million,
} satisfies Record<string, (run: Run) => number>

type Measured = Run & { readonly side: (typeof sides)[number]; readonly variant: string }

/** @throws when a side cannot be built or run, or emitted something wrong */
export async function compare(options: CompareOptions): Promise<void> {
  const { records, json, signal } = options
  const peer = await buildPeer(signal)
  const python = await checkerPython(signal)
  const work = mkdtempSync(join(tmpdir(), 'tickerwatch-bench-'))
  try {
    for (const name of ['logs', 'state', 'checker']) mkdirSync(join(work, name))
    // The checker looks for what it needs beside itself.
    const checker = join(work, 'checker')
    symlinkSync(join(peerSource, 'bench'), join(checker, 'bench'))
    symlinkSync(peer.target, join(checker, 'target'))
    note(`generating ${records} records`)
    const { input } = await dataSet(records, checker, { python, signal })
    const broker = await startBroker({ dataDir: join(work, 'kafka'), onProgress: note })
    try {
      writeFileSync(join(work, 'broker.pid'), String(broker.pid))
      await run('java', ['-cp', peer.classPath, 'watch.Loader', broker.brokers, input], { signal })
      rmSync(input)
      report(await measureAll({ work, python, bootstrap: broker.brokers }, options), json)
    } finally {
      await broker.stop()
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

interface Place {
  readonly work: string
  readonly python: string
  readonly bootstrap: string
}

/** The sides in turn, and the first of them alternately, so that a busy spell of the machine hits both. */
async function measureAll(place: Place, options: CompareOptions): Promise<Measured[]> {
  const measured: Measured[] = []
  for (let round = 0; round < options.runs; round++) {
    for (const guarantee of options.guarantees) {
      for (const threads of options.threads) {
        for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
          const result = await measure(place, side, `${variants[guarantee]}-${threads}`, options.signal)
          const variant = `${guarantee}-${threads}`
          measured.push({ ...result, side, variant })
          const { records_per_s: rate, cpu_s_per_million: cpu } = result
          note(`${side} ${variant}: ${rate} records/s, ${cpu} CPU-s per million`)
        }
      }
    }
  }
  return measured
}

async function measure(
  { work, python, bootstrap }: Place,
  side: Measured['side'],
  variant: string,
  signal: AbortSignal,
): Promise<Run> {
  const names = ['brokers {bootstrap}', 'application-id {applicationId}', 'state-dir {stateDir}']
  names.push('model {model}', 'guarantee {guarantee}', 'threads {threads}')
  const command = `'${process.execPath}' '${program}' ${names.map(name => `--${name}`).join(' ')}`
  const words = [join(work, 'checker/bench/run.py'), variant, '--out', join(work, `${side}.jsonl`)]
  if (side === 'ours') words.push('--command', command)
  const env = { WATCH_WORK: work, WATCH_BOOTSTRAP: bootstrap, PYTHONDONTWRITEBYTECODE: '1' }
  const out = await run(python, words, { cwd: work, env, signal })
  const result: Run = JSON.parse(out.trim().split('\n').at(-1) ?? '')
  const wrong = ['missing', 'unexpected', 'duplicates', 'wrong_counts', 'wrong_label_or_topic'].filter(
    fault => result.check[fault] !== 0,
  )
  if (wrong.length > 0)
    throw new Error(`${side}, ${variant}: ${wrong.join(', ')} in ${JSON.stringify(result.check)}`)
  return result
}

const widths = [20, 22, 26, 26, 0]

function report(runs: readonly Measured[], json: boolean): void {
  printRow(['', 'median (least to most)', 'ours', 'Kafka Streams', 'ours / Kafka Streams'])
  const names = [...new Set(runs.map(run => run.variant))]
  const ratios = Object.fromEntries(
    names.map(variant => {
      const of = (side: string): Run[] => runs.filter(run => run.variant === variant && run.side === side)
      const [ours, theirs] = [of('ours'), of('peer')]
      const entries = Object.entries(figures).map(([name, figure]) => {
        const [mine, other] = [ours.map(figure), theirs.map(figure)]
        const ratio = median(mine) / median(other)
        // Of the two sides of each round, which ran one after the other.
        const pairs = mine.map((value, round) => value / other[round]!)
        printRow([variant, name, spread(mine), spread(other), spread(pairs, ratio)])
        return [name, Number(ratio.toFixed(3))] as const
      })
      console.log()
      return [variant, Object.fromEntries(entries)]
    }),
  )
  if (json) console.log(JSON.stringify({ ratios, runs }))
}

function printRow(cells: readonly string[]): void {
  console.log(
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('')
      .trimEnd(),
  )
}

/** The median, and between what the values lie. */
function spread(values: readonly number[], middle = median(values)): string {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return `${digits(middle)} (${digits(least)} to ${digits(most)})`
}

function digits(value: number): string {
  return String(value < 100 ? Number(value.toPrecision(3)) : Math.round(value))
}

function note(text: string): void {
  process.stderr.write(`${text}\n`)
}
