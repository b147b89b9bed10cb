/**
 * `npm run bench -- watch`: the watch workload on this engine and on Kafka Streams, in turn, on the same broker and topic;
 * every output record is compared with the oracle. Prints both sides and the ratios of their medians.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type RunningBroker, startBroker } from '../../topology/log/kafka/broker/start-broker.ts'

export interface CompareOptions {
  readonly runs: number
  /** Of the generated input: 200 a tick. */
  readonly records: number
  readonly threads: readonly number[]
  readonly json: boolean
  /** A directory for what is built, generated and measured; what is there is used again. */
  readonly work: string
}

/** The port that the checker asks. */
const PORT = 29092
/** The size for which the outputs are committed. */
const COMMITTED = 2_000_000
const peer = resolve(import.meta.dirname, '../kafka-streams')
const program = resolve(import.meta.dirname, '../watch-bench.mjs')
const sides = ['ours', 'peer'] as const
const guarantees = { exactly_once: 'eos', at_least_once: 'alo' } as const

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
  const work = resolve(options.work)
  const data = prepare(work, options.records)
  const broker = await startBroker({ port: PORT, dataDir: join(work, 'kafka'), onProgress: note })
  try {
    writeFileSync(join(work, 'broker.pid'), String(broker.pid))
    load(broker, data)
    const runs = measureAll(work, options)
    report(runs, options.json)
  } finally {
    await broker.stop()
  }
}

/** Builds the peer, generates the input and its oracle; answers with the input's file. */
function prepare(work: string, records: number): string {
  // The checker looks for the model and the oracle beside itself; these belong to a size of the input.
  for (const directory of ['logs', 'state', `checker-${records}/oracle`])
    mkdirSync(join(work, directory), { recursive: true })
  const checker = join(work, `checker-${records}`)
  for (const name of ['bench', 'target'])
    if (!existsSync(join(checker, name))) symlinkSync(join(peer, name), join(checker, name))
  const model = join(checker, 'model.onnx')
  if (!existsSync(model)) writeFileSync(model, gunzipSync(readFileSync(join(peer, 'model.onnx.gz'))))
  if (!existsSync(join(work, 'venv/bin/pip'))) run('python3', ['-m', 'venv', join(work, 'venv')])
  run(join(work, 'venv/bin/pip'), ['install', '--quiet', 'numpy', 'onnxruntime', 'confluent-kafka'])
  if (!existsSync(join(peer, 'target/lib'))) run('mvn', ['-q', '-B', 'package'], peer)
  const data = join(work, `watch-${records}.bin`)
  if (!existsSync(data)) run(process.execPath, [join(peer, 'bench/gen.mjs'), String(records), data])
  const oracle = join(checker, 'oracle')
  const expected = join(oracle, 'expected-2500.csv')
  if (existsSync(expected)) return data
  if (records === COMMITTED) copyFileSync(join(peer, 'oracle/expected-2500.csv'), expected)
  else
    run(join(work, 'venv/bin/python'), [
      ...[join(peer, 'bench/oracle.py'), data, oracle],
      ...['--model', model, '--advance', '2500'],
    ])
  return data
}

/** Into a topic of its own broker: a broker that was used before holds the input already. */
function load(broker: RunningBroker, data: string): void {
  const marker = join(data, '..', 'kafka', 'loaded')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === data) return
  if (existsSync(marker))
    throw new Error(`the broker holds ${readFileSync(marker, 'utf8')}: remove ${join(marker, '..')}`)
  run('java', [
    '-cp',
    `${peer}/target/watch-kstreams-1.0.0.jar:${peer}/target/lib/*`,
    'watch.Loader',
    broker.brokers,
    data,
  ])
  writeFileSync(marker, data)
}

/** The sides in turn, and the first of them alternately, so that a busy spell of the machine hits both. */
function measureAll(work: string, { runs, records, threads }: CompareOptions): Measured[] {
  const measured: Measured[] = []
  for (let round = 0; round < runs; round++) {
    for (const [guarantee, short] of Object.entries(guarantees)) {
      for (const count of threads) {
        for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
          const result = measure(work, records, side, `${short}-${count}`)
          measured.push({ ...result, side, variant: `${guarantee}-${count}` })
          note(
            `${side} ${guarantee}-${count}: ${result.records_per_s} records/s, ${result.cpu_s_per_million} CPU-s per million`,
          )
        }
      }
    }
  }
  return measured
}

function measure(work: string, records: number, side: Measured['side'], variant: string): Run {
  const options = [
    'brokers {bootstrap}',
    'application-id {applicationId}',
    'state-dir {stateDir}',
    'model {model}',
  ]
  const template = [
    `node ${program}`,
    ...[...options, 'guarantee {guarantee}', 'threads {threads}'].map(option => `--${option}`),
  ].join(' ')
  const words = [
    join(work, `checker-${records}`, 'bench/run.py'),
    variant,
    '--out',
    join(work, `${side}.jsonl`),
  ]
  const out = run(
    join(work, 'venv/bin/python'),
    [...words, ...(side === 'ours' ? ['--command', template] : [])],
    work,
    {
      WATCH_WORK: work,
    },
  )
  const result: Run = JSON.parse(out.trim().split('\n').at(-1) ?? '')
  const wrong = ['missing', 'unexpected', 'duplicates', 'wrong_counts', 'wrong_label_or_topic'].filter(
    fault => result.check[fault] !== 0,
  )
  if (wrong.length > 0)
    throw new Error(`${side}, ${variant}: ${wrong.join(', ')} in ${JSON.stringify(result.check)}`)
  return result
}

function report(runs: readonly Measured[], json: boolean): void {
  const variants = [...new Set(runs.map(run => run.variant))]
  const ratios = Object.fromEntries(
    variants.map(variant => {
      const of = (side: string): Run[] => runs.filter(run => run.variant === variant && run.side === side)
      const [ours, theirs] = [of('ours'), of('peer')]
      const entries = Object.entries(figures).map(([name, figure]) => {
        const [mine, other] = [ours.map(figure), theirs.map(figure)]
        const ratio = median(mine) / median(other)
        const row = [variant, name, spread(mine), spread(other), ratio.toFixed(2)]
        if (name === 'throughput') console.log()
        console.log(row.map((cell, i) => cell.padEnd([18, 22, 26, 26, 0][i]!)).join(''))
        return [name, Number(ratio.toFixed(3))] as const
      })
      return [variant, Object.fromEntries(entries)]
    }),
  )
  if (json) console.log(JSON.stringify({ ratios, runs }))
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The median, and between what the values lie. */
function spread(values: readonly number[]): string {
  return `${Number(median(values).toPrecision(6))} (${Math.min(...values)} to ${Math.max(...values)})`
}

function run(program: string, words: readonly string[], cwd?: string, env?: NodeJS.ProcessEnv): string {
  return execFileSync(program, words, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 16 << 20,
  })
}

function note(text: string): void {
  process.stderr.write(`${text}\n`)
}
