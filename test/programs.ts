/** The programs that suites consist of, and what came of them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root } from './files.ts'
import { findPython } from './requirements.ts'

export interface Outcome {
  readonly passed: number
  /** Names of the tests that failed, with the first line of the error where there is one. */
  readonly failed: readonly string[]
  /** Names of the tests that were left out, with the reason where the file gives one. */
  readonly skipped: readonly string[]
}

/** Downloads and environments live here, outside the clone; programs that are started see it too. */
export const cache = process.env.TICKERWATCH_CACHE || join(homedir(), '.cache', 'tickerwatch')

/** Those that run now; whoever interrupts the tests ends them. */
const children = new Set<ChildProcess>()

export function endPrograms(signal: NodeJS.Signals): void {
  for (const child of children) child.kill(signal)
}

export async function runCheck(): Promise<Outcome> {
  return withScratch(async scratch => {
    const report = join(scratch, 'report.json')
    const code = await run(process.execPath, ['test/check.mjs'], { TICKERWATCH_TEST_REPORT: report })
    return outcome(report, code)
  })
}

export async function runVitest(project: string, extra: Record<string, string> = {}): Promise<Outcome> {
  return withScratch(async scratch => {
    const report = join(scratch, 'report.json')
    const words = [
      '--project',
      project,
      '--passWithNoTests',
      '--reporter=default',
      '--reporter=test/reporter.ts',
    ]
    const code = await run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...words], {
      ...extra,
      TICKERWATCH_TEST_REPORT: report,
    })
    return outcome(report, code)
  })
}

/** Tests that compare what two languages compute. */
export async function runParity(): Promise<Outcome> {
  return runVitest('parity', { PYSPARK_PYTHON: await environment('spark-jobs') })
}

/** Tests against what speaks AWS's protocols; steps of EMR run on a Spark of this machine. */
export async function runAws(): Promise<Outcome> {
  const moto = join(dirname(await environment('lake/testing')), 'moto_server')
  return runVitest('aws', { TICKERWATCH_MOTO: moto, PYSPARK_PYTHON: await environment('spark-jobs') })
}

/** A real Airflow, whose clusters run on a Spark of this machine. */
export async function runAirflow(): Promise<Outcome> {
  const airflow = join(dirname(await environment('deploy/airflow')), 'airflow')
  const moto = join(dirname(await environment('lake/testing')), 'moto_server')
  return runVitest('airflow', {
    TICKERWATCH_AIRFLOW: airflow,
    TICKERWATCH_MOTO: moto,
    PYSPARK_PYTHON: await environment('spark-jobs'),
  })
}

export async function runPytest(): Promise<Outcome> {
  const python = await environment('spark-jobs')
  return withScratch(async scratch => {
    const report = join(scratch, 'report.xml')
    const words = [
      '-m',
      'pytest',
      '-q',
      '-rs',
      '-p',
      'no:cacheprovider',
      `--junitxml=${report}`,
      'spark-jobs',
    ]
    const code = await run(python, words, { PYSPARK_PYTHON: python, PYTHONDONTWRITEBYTECODE: '1' })
    const xml = await readFile(report, 'utf8').catch(() => '')
    const cases = [...xml.matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)]
    const skipped = cases.flatMap(([, attributes = '', body = '']) => {
      const reason = /<skipped[^>]*message="([^"]*)"/.exec(body)?.[1]
      return reason === undefined ? [] : [`${/\bname="([^"]*)"/.exec(attributes)?.[1]}: ${unescaped(reason)}`]
    })
    const failed = cases.flatMap(([, attributes = '', body = '']) => {
      const failure = /<(?:failure|error)\b(?:[^>]*?message="([^"]*)")?/.exec(body)
      const name = /\bname="([^"]*)"/.exec(attributes)?.[1]
      return failure === null ? [] : [`${name}: ${firstLine(unescaped(failure[1] ?? ''))}`]
    })
    return whole({ passed: cases.length - skipped.length - failed.length, failed, skipped }, code)
  })
}

/** At most 200 characters: a name for what is told at length further up. */
export function firstLine(text: string): string {
  return text.split('\n', 1).join('').slice(0, 200)
}

/** The text of an XML attribute. */
function unescaped(attribute: string): string {
  const entities: Readonly<Record<string, string>> = {
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    amp: '&',
    '#10': '\n',
  }
  return attribute.replace(/&(lt|gt|quot|apos|amp|#10);/g, (_, name: string) => entities[name] ?? '')
}

/** The Python of an environment that holds what a folder's requirements.txt names; made once per version of it. */
export async function environment(folderOfRequirements: string): Promise<string> {
  const requirements = join(root, folderOfRequirements, 'requirements.txt')
  const hash = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12)
  const folder = join(cache, `python-${hash}`)
  const python = join(folder, 'bin', 'python')
  const complete = join(folder, 'complete')
  if (existsSync(complete)) return python
  console.log(`making a Python environment in ${folder}`)
  await rm(folder, { recursive: true, force: true })
  await mkdir(cache, { recursive: true })
  const steps: [string, string[]][] = [
    [findPython() ?? 'python3', ['-m', 'venv', folder]],
    [python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]],
  ]
  for (const [program, words] of steps) {
    if ((await run(program, words, {})) !== 0)
      throw new Error(`${program} ${words.join(' ')} failed; see above`)
  }
  await writeFile(complete, '')
  return python
}

/** Runs a program of this project to its end; what it prints is seen at once. */
async function run(
  program: string,
  words: readonly string[],
  extra: Record<string, string>,
): Promise<number> {
  const env = { ...process.env, TICKERWATCH_CACHE: cache, ...extra }
  const child = spawn(program, words, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] })
  children.add(child)
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => resolve(code ?? (signal ? 1 : 0)))
    })
  } finally {
    children.delete(child)
  }
}

async function outcome(report: string, code: number): Promise<Outcome> {
  const text = await readFile(report, 'utf8').catch(() => undefined)
  const found: Outcome = text === undefined ? { passed: 0, failed: [], skipped: [] } : JSON.parse(text)
  return whole(found, code)
}

/** A program that failed without naming a test has failed all the same. */
function whole(found: Outcome, code: number): Outcome {
  const unnamed = [`ended with code ${code}, without naming a test that failed`]
  return code !== 0 && found.failed.length === 0 ? { ...found, failed: unnamed } : found
}

async function withScratch<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'tickerwatch-test-'))
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
