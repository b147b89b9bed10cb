/**
 * What a cluster of EMR does with a step, on this machine: it runs the words of spark-submit, with the s3: addresses in
 * them, against an S3 of one's own.
 */
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { openStore } from '../../../lake/open-store.ts'
import type { StepResult } from './fake-emr.ts'

/** Hadoop's S3 for the Hadoop that Spark 3.5 brings (3.3.4), and the client it was built with. */
const ARTIFACTS = ['org.apache.hadoop:hadoop-aws:3.3.4', 'com.amazonaws:aws-java-sdk-bundle:1.12.262']

const run = promisify(execFile)

/** Why no job can run here; undefined if it can. */
export function sparkUnavailable(): string | undefined {
  return process.env.PYSPARK_PYTHON ? undefined : 'PYSPARK_PYTHON does not name a Python with pyspark'
}

/** @param endpoint of S3. @returns runs a step; it ends when the signal is aborted */
export async function localCluster(
  endpoint: string,
): Promise<(words: readonly string[], signal: AbortSignal) => Promise<StepResult>> {
  const jars = await hadoopAws(process.env.TICKERWATCH_CACHE ?? join(homedir(), '.cache', 'tickerwatch'))
  const python = process.env.PYSPARK_PYTHON ?? 'python3'
  const s3a: Readonly<Record<string, string>> = {
    'fs.s3.impl': 'org.apache.hadoop.fs.s3a.S3AFileSystem',
    'fs.s3a.endpoint': endpoint,
    'fs.s3a.path.style.access': 'true',
    'fs.s3a.connection.ssl.enabled': 'false',
    'fs.s3a.aws.credentials.provider': 'org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider',
    'fs.s3a.access.key': 'AKIATEST',
    'fs.s3a.secret.key': 'secret-of-the-test',
  }
  return async (words, signal) => {
    const [program, ...rest] = words
    if (program !== 'spark-submit') return { code: 1, stderr: `${program} is not known here` }
    // A cluster brings --files into the driver's directory; here the mode is client, and it is done by hand.
    const directory = await mkdtemp(join(tmpdir(), 'tickerwatch-step-'))
    try {
      const given = options(rest)
      await fetchTo(directory, given.files)
      const conf = Object.entries(s3a).flatMap(([name, value]) => ['--conf', `spark.hadoop.${name}=${value}`])
      const all = [
        ...['--master', 'local[2]', '--driver-memory', '1g', '--driver-class-path', jars.join(delimiter)],
        ...['--conf', 'spark.sql.shuffle.partitions=2', '--conf', 'spark.ui.enabled=false'],
        ...['--conf', 'spark.driver.host=127.0.0.1', '--conf', 'spark.driver.bindAddress=127.0.0.1'],
        ...conf,
        ...given.words,
      ]
      const child = spawn(join(dirname(python), 'spark-submit'), all, {
        cwd: directory,
        env: { ...process.env, PYSPARK_PYTHON: python, PYSPARK_DRIVER_PYTHON: python },
        stdio: ['ignore', 'pipe', 'pipe'],
        signal,
        killSignal: 'SIGTERM',
      })
      const [stdout, stderr] = [tailOf(child.stdout), tailOf(child.stderr)]
      const [code, failure] = await new Promise<[number, string]>(resolve => {
        child.on('error', error => resolve([143, error.message]))
        child.on('close', code => resolve([code ?? 143, '']))
      })
      if (failure !== '') return { code, stderr: failure }
      return { code, stderr: '', driver: { stdout: stdout(), stderr: stderr() } }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
}

/** Collects the last of what comes. */
function tailOf(stream: Readable): () => string {
  let text = ''
  stream.setEncoding('utf8').on('data', piece => {
    text = (text + piece).slice(-100_000)
  })
  return () => text
}

/** The words without those that mean YARN, and what --files names. */
function options(words: readonly string[]): { files: string[]; words: string[] } {
  const kept: string[] = []
  const files: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    if (word === '--deploy-mode' || word === '--archives') i++
    else if (word === '--files') files.push(...(words[++i] ?? '').split(','))
    else kept.push(word)
  }
  return { files, words: kept }
}

async function fetchTo(directory: string, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const at = address.lastIndexOf('/')
    const store = await openStore(address.slice(0, at))
    const name = address.slice(at + 1)
    await writeFile(join(directory, name), await store.get(name))
    await store.close()
  }
}

/** 280 MB, fetched once. */
async function hadoopAws(cache: string): Promise<string[]> {
  const folder = join(cache, 'hadoop-aws-3.3.4')
  if (!existsSync(folder)) {
    await mkdir(cache, { recursive: true })
    // Filled beside its place and then moved there, so that a download broken off leaves nothing half done.
    const scratch = await mkdtemp(join(cache, 'hadoop-aws-'))
    try {
      const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'
      for (const artifact of ARTIFACTS)
        await run('mvn', ['-q', '-B', goal, `-Dartifact=${artifact}`, `-DoutputDirectory=${scratch}`])
      await rename(scratch, folder)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }
  return ARTIFACTS.map(artifact => join(folder, `${artifact.split(':').slice(1).join('-')}.jar`))
}
