import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { root } from './files.ts'

export interface Ended {
  /** null after a signal. */
  readonly code: number | null
  /** Lines. */
  readonly stdout: readonly string[]
  readonly stderr: readonly string[]
}

/** Runs the command line as a user does, to its end. */
export async function tickerwatch(...words: string[]): Promise<Ended> {
  return ended(
    spawn(process.execPath, ['cli/tickerwatch.mjs', ...words], { cwd: root, env: plainEnvironment() }),
  )
}

/** Collects what a process prints, until it ends. */
export async function ended(child: ChildProcess): Promise<Ended> {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, stdout: lines(stdout), stderr: lines(stderr) }
}

/** Without what the test runner sets: colours, and options of its own for Node. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const {
    NODE_OPTIONS: _options,
    FORCE_COLOR: _colour,
    VITEST: _vitest,
    NODE_ENV: _mode,
    ...rest
  } = process.env
  return { ...rest, NO_COLOR: '1' }
}

async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  let all = ''
  stream?.setEncoding('utf8')
  for await (const chunk of stream ?? []) all += chunk
  return all
}

function lines(all: string): string[] {
  return all === '' ? [] : all.replace(/\n$/, '').split('\n')
}
