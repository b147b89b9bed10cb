/** moto for tests: a server that speaks S3's and Glue's protocols, and keeps everything in memory. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const READY_WITHIN = 60_000
const STOPPED_WITHIN = 5_000
/** Its last lines tell why it did not start. */
const LINES_KEPT = 20

/** Why no moto can be started here; undefined if it can. */
export function motoUnavailable(): string | undefined {
  return process.env.TICKERWATCH_MOTO ? undefined : 'TICKERWATCH_MOTO does not name a moto_server'
}

export interface RunningMoto {
  /** Of every service. */
  readonly url: string
  stop(): Promise<void>
}

export async function startMoto(): Promise<RunningMoto> {
  const child = spawn(process.env.TICKERWATCH_MOTO ?? 'moto_server', ['-H', '127.0.0.1', '-p', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  try {
    return { url: await address(child), stop: () => stop(child) }
  } catch (error) {
    await stop(child)
    throw error
  }
}

/** Where it listens: it takes a free port and says which. */
function address(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const last: string[] = []
    const fail = (what: string) => reject(new Error(`moto ${what}:\n${last.join('\n')}`))
    const deadline = setTimeout(() => fail(`was not ready within ${READY_WITHIN / 1000} s`), READY_WITHIN)
    child.once('error', reject)
    child.once('exit', code => fail(`ended with ${code}`))
    createInterface({ input: child.stderr! }).on('line', line => {
      last.push(line)
      if (last.length > LINES_KEPT) last.shift()
      const found = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)
      if (found === null) return
      clearTimeout(deadline)
      resolve(found[1]!)
    })
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN)
  await ended
  clearTimeout(kill)
}
