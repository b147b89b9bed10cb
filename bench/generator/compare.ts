/** The generator beside Databricks Labs DataGen: how true what they make is, and what a model learns of it. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generate } from '../../processors/generator/generate.ts'
import { type GeneratorProfile, readProfile } from '../../processors/generator/profile.ts'
import { writeRecordings } from '../../processors/recordings/writer.ts'
import { note, python } from '../environment.ts'
import { run, works } from '../program.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const jobs = fileURLToPath(new URL('../../spark-jobs', import.meta.url))
/** Generated recordings begin here. */
const START = Date.UTC(2026, 0, 5)
/** Readings made in memory alone to see how fast that is. */
const SPEED_READINGS = 500_000

export interface GeneratorComparison {
  /** A directory of recordings. */
  readonly recordings: string
  /** How often other people are left out. */
  readonly folds: number
  /** Of an activity of a person, at most. */
  readonly templates: number
  /** Generated of each person. */
  readonly minutes: number
  readonly json: boolean
  readonly signal: AbortSignal
}

/** Prints what it measured; with `json` the last line is one object. @throws in one line, what keeps it from measuring */
export async function compareGenerators(options: GeneratorComparison): Promise<void> {
  const { recordings, folds, templates, minutes, json, signal } = options
  const people = peopleOf(recordings)
  if (people.length < 2 * folds)
    throw new Error(
      `${recordings} has recordings of ${people.length} people, too few for ${folds} parts of them`,
    )
  if (!works('java', '-version')) throw new Error('Java 17 or later is needed, and java does not run')
  const interpreter = await python('generator-python', join(here, 'requirements.txt'), signal)
  const env = {
    PYTHONPATH: [here, jobs].join(delimiter),
    PYTHONDONTWRITEBYTECODE: '1',
    PYSPARK_PYTHON: interpreter,
    OMP_NUM_THREADS: '1',
  }
  const work = mkdtempSync(join(tmpdir(), 'tickerwatch-generator-'))
  try {
    const script = (path: string, ...words: string[]) =>
      run(interpreter, [path, ...words], { env: { ...env, SPARK_LOCAL_DIRS: work }, signal })
    note('statistics of the recordings')
    const file = join(work, 'profile.json.gz')
    await script(
      join(jobs, 'descriptive_statistics.py'),
      ...['--recordings', recordings, '--source', recordings, '--name', 'made', '--profile', file],
      ...['--templates', String(templates)],
    )
    const profile = await readProfile(file)
    const left = [[], ...leftOut(people, folds)]
    for (const [number, each] of left.entries()) {
      note(`generated recordings, ${number + 1} of ${left.length}`)
      await writeGenerated(without(profile, each), minutes, join(work, 'ours', String(number)))
    }
    const plan = join(work, 'plan.json')
    const generators = [
      { name: 'tickerwatch', people: true, directory: join(work, 'ours') },
      { name: 'dbldatagen', people: false, directory: join(work, 'databricks') },
    ]
    writeFileSync(plan, JSON.stringify({ recordings, folds: left, generators }))
    await script(join(here, 'databricks.py'), plan, join(work, 'databricks'))
    const printed = await script(join(here, 'measure.py'), plan)
    const found: Found = JSON.parse(printed.trim().split('\n').at(-1)!)
    const readingsPerSecond = speed(profile)
    print(found, readingsPerSecond)
    if (json) console.log(JSON.stringify({ benchmark: 'generator', readingsPerSecond, ...found }))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** What measure.py prints. */
interface Found {
  readonly truth: Readonly<Record<string, Truth>>
  readonly worth: Readonly<Record<string, { macroF1: number; ofReal: number }>>
}
interface Truth {
  readonly kolmogorovSmirnovMean: number
  readonly correlationError: number
  readonly spectrumErrorDecibel: number
  readonly coherenceError: number
}

function print({ truth, worth }: Found, readingsPerSecond: number): void {
  console.log(
    'truth: distribution (Kolmogorov–Smirnov), correlation, spectrum (dB), coherence; less is better',
  )
  for (const [name, each] of Object.entries(truth)) {
    const { kolmogorovSmirnovMean, correlationError, spectrumErrorDecibel, coherenceError } = each
    const figures = [kolmogorovSmirnovMean, correlationError, spectrumErrorDecibel, coherenceError]
    console.log(`  ${name.padEnd(24)} ${figures.map(value => value.toFixed(3).padStart(8)).join('')}`)
  }
  console.log('worth: macro-F1 on real people of a forest trained on …; more is better')
  for (const [name, { macroF1, ofReal }] of Object.entries(worth))
    console.log(
      `  ${name.padEnd(24)} ${macroF1.toFixed(3).padStart(8)} ${ofReal.toFixed(3).padStart(8)} × real`,
    )
  console.log(`speed: ${Math.round(readingsPerSecond).toLocaleString('en')} readings/s of one thread`)
}

function peopleOf(directory: string): string[] {
  return readdirSync(directory)
    .flatMap(name => /^(.*)\.csv(?:\.gz)?$/.exec(name)?.[1] ?? [])
    .sort()
}

/** Everybody is left out once; who with whom depends on the order of their names alone. */
function leftOut(people: readonly string[], folds: number): string[][] {
  return Array.from({ length: folds }, (_, fold) => people.filter((_, index) => index % folds === fold))
}

function without(profile: GeneratorProfile, people: readonly string[]): GeneratorProfile {
  return { ...profile, people: profile.people.filter(({ id }) => !people.includes(id)) }
}

async function writeGenerated(profile: GeneratorProfile, minutes: number, directory: string): Promise<void> {
  const options = { devices: profile.people.length, seed: 1, start: START, duration: minutes * 60_000 }
  await writeRecordings(directory, generate({ profile, ...options, delayedShare: 0 }), { gzip: false })
}

/** Readings per second of a hundred watches, once they are at it. */
function speed(profile: GeneratorProfile): number {
  const events = generate({ profile, devices: 100, seed: 1, start: START })
  const take = (count: number): void => {
    for (let taken = 0; taken < count; ) taken += events.next().value?.length ?? count
  }
  take(SPEED_READINGS)
  const since = performance.now()
  take(SPEED_READINGS)
  return (SPEED_READINGS / (performance.now() - since)) * 1000
}
