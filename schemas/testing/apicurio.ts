/** A real schema registry for tests: Apicurio from Maven Central, in memory, with Confluent's API. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const VERSION = '2.6.13.Final'
const READY_WITHIN = 150_000
const STOPPED_WITHIN = 10_000
/** Its last lines tell why it did not start. */
const LINES_KEPT = 20

const run = promisify(execFile)

/** Why no registry can be started here; undefined if it can. */
export function registryUnavailable(): string | undefined {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' })
  if (java.status !== 0) return 'no Java'
  const major = Number(/version "(\d+)/.exec(java.stderr)?.[1])
  if (major < 17) return `Java ${major}, not 17 or newer`
  if (spawnSync('mvn', ['-version']).status !== 0) return 'no Maven'
  return undefined
}

export interface RunningRegistry {
  /** Of the Confluent API. */
  readonly url: string
  stop(): Promise<void>
}

/** Takes about a minute, and 142 MB of download the first time, into `$TICKERWATCH_CACHE` (`~/.cache/tickerwatch`). */
export async function startRegistry(): Promise<RunningRegistry> {
  const home = await download(process.env.TICKERWATCH_CACHE ?? join(homedir(), '.cache', 'tickerwatch'))
  const settings = { 'http.host': '127.0.0.1', 'http.port': '0', 'log.console.color': 'false' }
  const flags = Object.entries(settings).map(([name, value]) => `-Dquarkus.${name}=${value}`)
  const jar = join(home, `apicurio-registry-app-${VERSION}-runner.jar`)
  const child = spawn('java', ['-Xmx256m', '-XX:TieredStopAtLevel=1', ...flags, '-jar', jar], {
    cwd: home,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    return { url: `${await address(child)}/apis/ccompat/v7`, stop: () => stop(child) }
  } catch (error) {
    await stop(child)
    throw error
  }
}

async function download(cache: string): Promise<string> {
  const home = join(cache, `apicurio-registry-${VERSION}`)
  if (existsSync(home)) return home
  await mkdir(cache, { recursive: true })
  // Unpacked beside its place and then moved there, so that a download broken off leaves nothing half done.
  const scratch = await mkdtemp(join(cache, 'apicurio-'))
  try {
    const artifact = `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`
    const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'
    await run('mvn', ['-q', '-B', goal, `-Dartifact=${artifact}`, `-DoutputDirectory=${scratch}`])
    const unpacked = join(scratch, 'unpacked')
    await mkdir(unpacked)
    await run('tar', ['-xzf', join(scratch, `apicurio-registry-app-${VERSION}-all.tar.gz`), '-C', unpacked])
    await rename(unpacked, home)
    return home
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Where it listens: it takes a free port and says which. */
function address(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const last: string[] = []
    const fail = (what: string) => reject(new Error(`Apicurio ${what}:\n${last.join('\n')}`))
    const deadline = setTimeout(() => fail(`was not ready within ${READY_WITHIN / 1000} s`), READY_WITHIN)
    child.once('error', reject)
    child.once('exit', code => fail(`ended with ${code}`))
    createInterface({ input: child.stdout! }).on('line', line => {
      last.push(line)
      if (last.length > LINES_KEPT) last.shift()
      const found = /Listening on: (http:\/\/127\.0\.0\.1:\d+)/.exec(line)
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
