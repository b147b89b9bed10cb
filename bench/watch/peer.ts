/**
 * Kafka Streams' side and the Python of the checker: built once per version of their sources, into the cache where downloads
 * are kept.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { run, works } from '../program.ts'
import { peerSource } from './data-set.ts'

const cache = process.env.TICKERWATCH_CACHE || join(homedir(), '.cache', 'tickerwatch')

export interface Peer {
  /** A directory with `watch-kstreams-1.0.0.jar`, and `lib/` for what it needs. */
  readonly target: string
  /** What Java is given as its class path. */
  readonly classPath: string
}

/** @throws in one line, when Java or Maven is missing, or the build fails */
export async function buildPeer(signal: AbortSignal): Promise<Peer> {
  if (!works('java', '-version')) throw new Error('Java 17 or later is needed, and java does not run')
  const sources = [join(peerSource, 'pom.xml'), ...filesBelow(join(peerSource, 'src'))]
  const target = await built('kafka-streams', sources, async directory => {
    if (!works('javac', '-version') || !works('mvn', '-version'))
      throw new Error(
        'a Java compiler and Maven are needed to build the Kafka Streams side: install a JDK and mvn',
      )
    note('building the Kafka Streams side (its libraries come from Maven Central)')
    const words = ['-q', '-B', '-f', join(peerSource, 'pom.xml'), `-Dtarget=${directory}`, 'package']
    await run('mvn', words, { signal })
  })
  return { target, classPath: `${target}/watch-kstreams-1.0.0.jar:${target}/lib/*` }
}

/** A Python with what the checker and the oracle import. @throws in one line, when Python 3 with venv is missing */
export async function checkerPython(signal: AbortSignal): Promise<string> {
  const requirements = join(peerSource, 'bench/requirements.txt')
  const directory = await built('bench-python', [requirements], async directory => {
    if (!works('python3', '-c', 'import venv, ensurepip'))
      throw new Error('Python 3 with venv is needed to check the outputs: install python3 and python3-venv')
    note('making a Python environment for the checker')
    await run('python3', ['-m', 'venv', directory], { signal })
    const words = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]
    await run(join(directory, 'bin/python'), words, { signal })
  })
  return join(directory, 'bin/python')
}

/** A directory made of these files: made beside its place and renamed when complete, as others may be making it too. */
async function built(
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

function filesBelow(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
}

function note(text: string): void {
  process.stderr.write(`${text}\n`)
}
