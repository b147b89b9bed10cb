/** What a benchmark needs beside this project: built once per version of its sources, into the cache where downloads are kept. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { run, works } from './program.ts'

const cache = process.env.TICKERWATCH_CACHE || join(homedir(), '.cache', 'tickerwatch')

/** A Python with what a requirements file names; returns its path. @throws in one line, when Python 3 with venv is missing */
export async function python(name: string, requirements: string, signal: AbortSignal): Promise<string> {
  const directory = await built(name, [requirements], async directory => {
    if (!works('python3', '-c', 'import venv, ensurepip'))
      throw new Error('Python 3 with venv is needed: install python3 and python3-venv')
    note(`making a Python environment with what ${requirements} names`)
    await run('python3', ['-m', 'venv', directory], { signal })
    const words = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]
    await run(join(directory, 'bin/python'), words, { signal })
  })
  return join(directory, 'bin/python')
}

/** A directory made of these files: made beside its place and renamed when complete, as others may be making it too. */
export async function built(
  name: string,
  sources: readonly string[],
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256')
  for (const file of sources) hash.update(readFileSync(file))
  const target = join(cache, `${name}-${hash.digest('hex').slice(0, 12)}`)
  if (existsSync(target)) return target
  mkdirSync(cache, { recursive: true })
  const scratch = mkdtempSync(`${target}-`)
  try {
    await make(scratch)
    if (!existsSync(target)) renameSync(scratch, target)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return target
}

export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}
