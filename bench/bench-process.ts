/** Runs of `npm run bench` for its tests. */
import { spawn } from 'node:child_process'
import { root } from '../test/files.ts'
import { type Ended, ended, plainEnvironment } from '../test/tickerwatch.ts'
import type { Figure } from './benchmark.ts'

/** As a user does it, to its end. */
export async function bench(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const options = { cwd: root, env: { ...plainEnvironment(), ...env } }
  return await ended(spawn(process.execPath, ['bench/bench.mjs', ...words], options))
}

/** The object that `--json` prints last. @throws with what the benchmark says when it fails */
export async function printed(words: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await bench([...words, '--json'])
  if (code !== 0) throw new Error(`bench ${words.join(' ')} ended with ${code}: ${stderr.join('\n')}`)
  return JSON.parse(stdout.at(-1) ?? '')
}

export async function figures(words: readonly string[]): Promise<(Figure & { readonly ratio?: number })[]> {
  const object = await printed(words)
  if (typeof object === 'object' && object !== null && 'figures' in object && Array.isArray(object.figures))
    return object.figures
  throw new Error(`bench ${words.join(' ')} prints no figures`)
}
