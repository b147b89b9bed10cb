/**
 * Kafka Streams' side and the Python of the checker: built once per version of their sources, into the cache where downloads
 * are kept.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { built, note, python } from '../environment.ts'
import { run, works } from '../program.ts'
import { peerSource } from './data-set.ts'

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
export function checkerPython(signal: AbortSignal): Promise<string> {
  return python('bench-python', join(peerSource, 'bench/requirements.txt'), signal)
}

function filesBelow(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
}
