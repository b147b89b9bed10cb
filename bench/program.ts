/** Other programs, as children that end with the benchmark however it ends. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

/** Milliseconds from the request to end until it is no request any more. */
const PATIENCE = 10_000

export interface ProgramOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** It is told something on its standard input. */
  readonly input?: boolean
  /** Aborted when it is to end before its time. */
  readonly signal: AbortSignal
}

/**
 * A group of processes of its own: what the program starts ends with it, and Ctrl-C reaches it through us alone. What it
 * writes to its error output is seen at once.
 */
export function start(program: string, words: readonly string[], options: ProgramOptions): ChildProcess {
  const { cwd, env, input = false, signal } = options
  signal.throwIfAborted()
  const child = spawn(program, words, {
    cwd,
    env: { ...process.env, ...env },
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const end = (): void => endGroup(child, 'SIGTERM')
  const kill = (): void => endGroup(child, 'SIGKILL')
  signal.addEventListener('abort', end)
  process.on('exit', kill)
  child.once('close', () => {
    signal.removeEventListener('abort', end)
    process.off('exit', kill)
  })
  return child
}

/** Runs a program to its end; answers with what it printed. @throws when it fails, or is stopped */
export async function run(
  program: string,
  words: readonly string[],
  options: ProgramOptions,
): Promise<string> {
  const child = start(program, words, options)
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  const [code, killed] = await once(child, 'close')
  options.signal.throwIfAborted()
  if (code !== 0) throw new Error(`${program} ${words[0]} ended with ${code ?? killed}`)
  return text
}

/** Asks the program to end, and waits; without an answer it is killed. */
export async function stop(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  endGroup(child, signal)
  const timer = setTimeout(() => endGroup(child, 'SIGKILL'), PATIENCE)
  await closed
  clearTimeout(timer)
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal)
  } catch {
    // Nobody of it is left.
  }
}

/** Whether a program is there and answers. */
export function works(program: string, ...words: readonly string[]): boolean {
  return spawnSync(program, words, { stdio: 'ignore' }).status === 0
}
