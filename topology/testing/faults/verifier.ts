/** Runs the verifier (Verifier.java): Kafka's own Java client, and nothing of the engine. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { brokerUnavailable, fetchDistribution } from '../../log/kafka/broker/distribution.ts'

const verdict = z.object({
  lost: z.number(),
  duplicated: z.number(),
  outOfOrder: z.number(),
  /** What should not be there at all. */
  wrong: z.number(),
  hangingTransactions: z.number(),
  /** Read of each topic. */
  records: z.record(z.string(), z.number()),
  /** The first ones, in words. */
  problems: z.array(z.string()),
})
export type Verdict = z.infer<typeof verdict>

/** Why no fault run is possible here, for suites that say why they are skipped; undefined when it is. */
export function faultsUnavailable(): string | undefined {
  const compiler = spawnSync('javac', ['-version'], { stdio: 'ignore' }).status === 0
  return brokerUnavailable() ?? (compiler ? undefined : 'no Java compiler')
}

/** @param acknowledged records of each input partition */
export async function verify(
  brokers: string,
  applicationId: string,
  acknowledged: readonly number[],
): Promise<Verdict> {
  const jars = fetchDistribution(process.env, () => {})
  const source = fileURLToPath(new URL('Verifier.java', import.meta.url))
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
  const words = [quiet, '-Xmx768m', '-cp', join(jars, '*'), source, brokers, applicationId]
  const java = spawn('java', [...words, acknowledged.join(',')], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, errors, [code]] = await Promise.all([text(java.stdout), text(java.stderr), once(java, 'close')])
  if (code !== 0) throw new Error(`the verifier ended with ${code}: ${errors}`)
  return verdict.parse(JSON.parse(out))
}

export function isFaultless(found: Verdict): boolean {
  const { lost, duplicated, outOfOrder, wrong, hangingTransactions } = found
  return lost + duplicated + outOfOrder + wrong + hangingTransactions === 0
}
