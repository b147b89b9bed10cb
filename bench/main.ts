/** The command line of `npm run bench`. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { stopSignal } from '../cli/stop-signal.ts'
import { messageOf } from '../topology/failure-policy.ts'
import { type ActiveLearningOptions, activeLearning } from './active-learning/active-learning.ts'
import { activity } from './activity.ts'
import { type Benchmark, print } from './benchmark.ts'
import { consume } from './consume.ts'
import { decode } from './decode.ts'
import { compareGenerators, type GeneratorComparison } from './generator/compare.ts'
import { growth } from './growth.ts'
import { keys } from './keys.ts'
import { latency } from './latency/latency.ts'
import { log } from './log.ts'
import { modelSwap } from './model-swap.ts'
import { produce } from './produce.ts'
import { recovery } from './recovery.ts'
import { restore } from './restore/restore.ts'
import { score } from './score.ts'
import { sink } from './sink.ts'
import { type SoakOptions, soak } from './soak/soak.ts'
import { store } from './store.ts'
import { compare, type Guarantee, guarantees } from './watch/compare.ts'
import { windows } from './windows.ts'

const benchmarks: readonly Benchmark[] = [
  ...[consume, produce, log, decode, windows, store, score, activity, sink],
  ...[latency, restore, keys, growth, recovery, modelSwap],
]

/** Milliseconds from the request to stop until the process ends whatever it does. */
const PATIENCE = 15_000

export async function main(words: readonly string[]): Promise<void> {
  const signal = stopSignal()
  // Who has children or a broker ends them first; who only computes does not listen.
  signal.addEventListener('abort', () => setTimeout(() => process.exit(130), PATIENCE).unref())
  const program = new Command('bench').description(
    'Measures the engine: beside Kafka Streams (watch), and in parts, each beside what limits it.',
  )
  program
    .command('watch')
    .description('the watch workload here and on Kafka Streams, in turn, every output record checked')
    .option('--runs <number>', 'of each side', positive, 3)
    .option('--records <number>', 'of the generated input, a multiple of 200', positive, 6_000_000)
    .option('--threads <number...>', 'stream threads (default: 1 2)', several(positive))
    .addOption(
      new Option('--guarantees <name...>', 'what is measured').choices(guarantees).default(guarantees),
    )
    .option('--json', 'the last line is one object with ratios and runs', false)
    .action(async ({ threads = [1, 2], ...options }: WatchWords) => compare({ ...options, threads, signal }))
  program
    .command('active-learning')
    .description('labels that a model needs, asked for by the annotation queue and at random')
    .requiredOption('--recordings <directory>', 'labelled recordings in the CASAS file format')
    .option('--seeds <number>', 'runs of each', positive, 10)
    .option('--first <seed>', 'the first of them', positive, 1)
    .option('--goal <share>', 'the macro-F1 that is to be reached', Number, 0.95)
    .option('--limit <number>', 'labels after which a run is given up', positive, 500)
    .option('--json', 'the last line is one object', false)
    .action(async (options: Omit<ActiveLearningOptions, 'signal'>) => activeLearning({ ...options, signal }))
  program
    .command('generator')
    .description('the generator beside Databricks Labs DataGen: how true, and what a model learns of it')
    .requiredOption('--recordings <directory>', 'of at least twice as many people as folds')
    .option('--folds <number>', 'how often other people are left out', positive, 4)
    .option('--templates <number>', 'per person and activity, at most 32', positive, 32)
    .option('--minutes <number>', 'generated of each person', positive, 40)
    .option('--json', 'the last line is one object', false)
    .action(async (options: GeneratorWords) => compareGenerators({ ...options, signal }))
  program
    .command('soak')
    .description(
      'the watch workload for long, at half the highest rate, while its nodes are restarted in turn',
    )
    .option('--minutes <number>', 'after the rate is found', positive, 30)
    .option('--every <seconds>', 'the nodes are restarted, one after the other', positive, 360)
    .option('--devices <number>', 'watches', positive, 200)
    .option('--step <seconds>', 'for which a rate is tried', positive, 12)
    .option('--json', 'the last line is one object with verdicts', false)
    .action(async (options: Omit<SoakOptions, 'signal'>) => soak({ ...options, signal }))
  for (const each of benchmarks) addBenchmark(program, each, signal)
  try {
    await program.parseAsync([...words], { from: 'user' })
  } catch (error) {
    if (!signal.aborted) console.error(`bench: ${messageOf(error)}`)
    process.exitCode = signal.aborted ? 130 : 1
  }
}

interface WatchWords {
  readonly runs: number
  readonly records: number
  readonly threads?: readonly number[]
  readonly guarantees: readonly Guarantee[]
  readonly json: boolean
}

type GeneratorWords = Omit<GeneratorComparison, 'signal'>

function addBenchmark(program: Command, { name, summary, sizes, run }: Benchmark, signal: AbortSignal): void {
  const command = program.command(name).description(summary)
  for (const [size, { of, what }] of Object.entries(sizes)) {
    command.option(`--${size} <number>`, what, positive, of)
  }
  command.option('--json', 'the last line is one object', false)
  command.action(async ({ json, ...chosen }: { json: boolean; [size: string]: number | boolean }) => {
    print(name, await run(size => Number(chosen[size]), signal), json)
  })
}

function positive(text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new InvalidArgumentError('A whole number above 0.')
}

function several<T>(parse: (text: string) => T): (text: string, before?: readonly T[]) => readonly T[] {
  return (text, before = []) => [...before, parse(text)]
}
