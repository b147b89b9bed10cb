/** Apache Kafka's jars: fetched once from Maven Central into a cache outside the project. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BrokerError } from './errors.ts'

const NAME = 'kafka-4.4.0'
/** Milliseconds. */
const DOWNLOAD_TIMEOUT = 600_000

function cached(env: NodeJS.ProcessEnv): string {
  return join(env.TICKERWATCH_CACHE || join(homedir(), '.cache', 'tickerwatch'), NAME)
}

/** Why no broker can be started here; undefined when it can. For suites that say why they are skipped. */
export function brokerUnavailable(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (!runs('java', '-version', env)) return 'no Java'
  if (!existsSync(cached(env)) && !runs('mvn', '-version', env)) return 'no Maven'
  return undefined
}

/**
 * The directory of the jars.
 * @throws BrokerError JAVA_MISSING, MAVEN_MISSING, BROKER_DOWNLOAD_FAILED
 */
export function fetchDistribution(env: NodeJS.ProcessEnv, onProgress: (text: string) => void): string {
  const target = cached(env)
  if (!runs('java', '-version', env))
    throw new BrokerError('JAVA_MISSING', 'Kafka needs Java, and java does not run')
  if (existsSync(target)) return target
  if (!runs('mvn', '-version', env))
    throw new BrokerError('MAVEN_MISSING', 'Kafka is not in the cache, and mvn does not run')
  onProgress(`fetching Kafka 4.4.0 from Maven Central (43 MB) into ${target}`)
  mkdirSync(join(target, '..'), { recursive: true })
  // Into a directory beside it and renamed when complete: another process may be doing the same.
  const scratch = mkdtempSync(`${target}-`)
  try {
    const pom = fileURLToPath(new URL('pom.xml', import.meta.url))
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${scratch}`, '-DincludeScope=runtime']
    const result = spawnSync('mvn', ['-q', '-B', '-f', pom, ...goal], {
      env,
      encoding: 'utf8',
      timeout: DOWNLOAD_TIMEOUT,
    })
    if (result.status !== 0) {
      const reason =
        `${result.stdout}${result.stderr}`.split('\n').find(line => line.includes('ERROR')) ?? result.error
      throw new BrokerError('BROKER_DOWNLOAD_FAILED', `mvn could not fetch Kafka: ${reason}`)
    }
    if (!existsSync(target)) renameSync(scratch, target)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return target
}

function runs(program: string, argument: string, env: NodeJS.ProcessEnv): boolean {
  return spawnSync(program, [argument], { env, stdio: 'ignore' }).status === 0
}
