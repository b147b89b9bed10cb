/** Whole runs of the product, for tests: `npm start` as a process of its own, in a directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Report } from '../cli/run/report.ts'
import { root } from './files.ts'
import { type Ended, ended, plainEnvironment, tickerwatch } from './tickerwatch.ts'

export interface Scratch {
  /** A path below it. */
  path(name: string): string
  /** `npm start -- WORDS`, with a state directory of this name and a free port. */
  start(name: string, ...words: string[]): ChildProcess
  /** The same to its end, with its report. */
  run(name: string, ...words: string[]): Promise<Ended & { readonly report: Report }>
  /** Generated recordings in a directory of this name; its path. */
  recordings(name: string, ...words: string[]): Promise<string>
  remove(): Promise<void>
}

export async function scratch(): Promise<Scratch> {
  const directory = await mkdtemp(join(tmpdir(), 'tickerwatch-run-'))
  const path = (name: string): string => join(directory, name)
  const start = (name: string, ...words: string[]): ChildProcess => {
    const own = ['--state', path(name), '--port', '0']
    return spawn(process.execPath, ['cli/start.mjs', ...own, ...words], {
      cwd: root,
      env: plainEnvironment(),
    })
  }
  return {
    path,
    start,
    async run(name, ...words) {
      const file = path(`${name}.json`)
      const end = await ended(start(name, ...words, '--report', file))
      if (end.code !== 0) throw new Error(`the run ${name} ended with ${end.code}: ${end.stderr.join('\n')}`)
      return { ...end, report: JSON.parse(await readFile(file, 'utf8')) }
    },
    async recordings(name, ...words) {
      const made = await tickerwatch('generate', '--out', path(name), ...words)
      if (made.code !== 0) throw new Error(made.stderr.join('\n'))
      return path(name)
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}

/** What a process has written to standard error, as it grows. */
export function printed(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.on('data', chunk => {
    text += chunk
  })
  return () => text
}
