/** The product as a person runs it: whole processes, with what they print and leave behind. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { root } from '../../test/files.ts'
import { ended, plainEnvironment, tickerwatch } from '../../test/tickerwatch.ts'

let scratch: string
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'tickerwatch-run-'))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

const shipped = (version: string): string =>
  fileURLToPath(new URL(`../../processors/models/releases/watch-${version}.json`, import.meta.url))

/** `npm start -- WORDS` with a state directory and a free port of its own. */
function start(name: string, ...words: string[]): ChildProcess {
  const own = ['--state', join(scratch, name), '--port', '0']
  return spawn(process.execPath, ['cli/start.mjs', ...own, ...words], { cwd: root, env: plainEnvironment() })
}

/** What the process printed so far, as it grows. */
function printed(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.on('data', chunk => {
    text += chunk
  })
  return () => text
}

async function reportOf(name: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(scratch, `${name}.json`), 'utf8'))
}

describe('a run on embedded parts', () => {
  test('ends by itself, swaps the model on the way, and its numbers agree', async () => {
    const words = [
      '--for',
      '14s',
      '--publish-after',
      '7s',
      '--devices',
      '40',
      '--report',
      join(scratch, 'timed.json'),
    ]
    const { code, stderr } = await ended(start('timed', ...words))
    expect(stderr.join('\n')).toContain('model swaps         1.1.0 at')
    expect(code).toBe(0)
    const report = await reportOf('timed')
    const { readings, windows, predictions, sqlRows, finalLag, deadLettered, swaps } = report
    expect(windows).toBeGreaterThan(40)
    expect([predictions, sqlRows, finalLag, deadLettered]).toEqual([windows, windows, 0, 0])
    expect(readings).toBeGreaterThan(40 * 10 * 10)
    expect(report.predictionsByModelVersion).toEqual({
      '1.0.0': expect.any(Number),
      '1.1.0': expect.any(Number),
    })
    expect(swaps).toEqual([{ version: '1.1.0', at: expect.stringMatching(/^\d{4}-.*Z$/) }])
  })

  test('takes a release published from another terminal, and stops cleanly at Ctrl-C', async () => {
    const state = join(scratch, 'published')
    const child = start('published', '--report', join(scratch, 'published.json'))
    const text = printed(child)
    const exit = once(child, 'exit')
    await expect.poll(text, { timeout: 60_000 }).toMatch(/[1-9]\d* predictions/)
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(text())![0]

    const candidate = await tickerwatch('models', 'publish', shipped('1.1.0'), '--state', state)
    expect(candidate).toMatchObject({ code: 0, stdout: ['published watch@1.1.0 as candidate'] })
    const status = async () => (await fetch(`${url}/api/status`)).json()
    await expect.poll(status).toMatchObject({ models: { inForce: { version: '1.0.0' } } })
    const promoted = await tickerwatch('models', 'publish', shipped('1.1.0'), '--promote', '--state', state)
    expect(promoted).toMatchObject({ code: 0, stdout: ['published watch@1.1.0 as promoted'] })
    await expect
      .poll(status, { timeout: 20_000 })
      .toMatchObject({ predictions: { '1.1.0': expect.any(Number) } })

    const damaged = join(scratch, 'damaged.json')
    const release = JSON.parse(await readFile(shipped('1.1.0'), 'utf8'))
    await writeFile(
      damaged,
      JSON.stringify({ ...release, version: '1.2.0', labels: release.labels.slice(1) }),
    )
    const refused = await tickerwatch('models', 'publish', damaged, '--promote', '--state', state)
    expect(refused.code).toBe(1)
    expect(refused.stderr[0]).toMatch(/MODEL_INTERFACE_WRONG/)

    const list = await tickerwatch('models', 'list', '--state', state)
    expect(list.stdout.join('\n')).toMatch(/watch@1\.1\.0 +promoted[\s\S]*watch@1\.0\.0 +promoted/)
    child.kill('SIGINT')
    expect(await exit).toEqual([0, null])
    expect(text()).toContain('lag at the end      0')
    const report = await reportOf('published')
    expect(report).toMatchObject({ finalLag: 0, swaps: [{ version: '1.1.0' }] })
    expect([report.predictions, report.sqlRows]).toEqual([report.windows, report.windows])
    const gone = await tickerwatch('models', 'list', '--state', state)
    expect(gone.stderr[0]).toMatch(/^NODE_NOT_RUNNING/)
  })
})

describe('recordings', () => {
  let directory: string
  beforeAll(async () => {
    directory = join(scratch, 'recordings')
    const words = ['--devices', '6', '--for', '2m', '--seed', '7', '--out', directory]
    const made = await tickerwatch('generate', ...words)
    expect(made.code).toBe(0)
  })

  const stream = (name: string) =>
    ended(start(name, '--recordings', directory, '--speed', 'max', '--report', join(scratch, `${name}.json`)))

  test('end by themselves, close every window, and give the same predictions again', async () => {
    expect(await stream('first')).toMatchObject({ code: 0 })
    expect(await stream('second')).toMatchObject({ code: 0 })
    const first = await reportOf('first')
    expect(first).toMatchObject({ readings: 6 * 2 * 60 * 10, deadLettered: 0, late: 0, finalLag: 0 })
    expect([first.predictions, first.sqlRows]).toEqual([first.windows, first.windows])
    // 120 s of each device lie in 48 or 49 windows of 2.5 s steps, the one begun before included.
    expect(first.windows).toBeGreaterThanOrEqual(6 * 48)
    const { seconds: _, readingsPerSecond: __, ...again } = await reportOf('second')
    expect(first).toMatchObject(again)
  })

  test('with rows that are none go on, and each such row is a dead letter', async () => {
    await appendFile(
      join(directory, 'watch-1.csv'),
      'no stamp,1,2,3\n2020-13-01 00:00:00.000,,,,,,,,,,,,,,,,,,,\n',
    )
    expect(await stream('dirty')).toMatchObject({ code: 0 })
    const dirty = await reportOf('dirty')
    const first = await reportOf('first')
    expect(dirty).toMatchObject({ deadLettered: 2, predictionsDigest: first.predictionsDigest })
  })
})

describe('what is wrong with a call is said in one line, with an exit code that is not 0', () => {
  const refused = async (...words: string[]) => {
    const { code, stderr } = await ended(start('refused', ...words))
    expect(code).not.toBe(0)
    expect(stderr.join('\n')).not.toMatch(/\n {4}at /)
    return stderr[0]
  }

  test('a flag that does not exist, or belongs to another one', async () => {
    expect(await refused('--recording', 'x')).toMatch(/unknown option '--recording'/)
    expect(await refused('--speed', 'max')).toMatch(/'--speed' belongs to --recordings/)
  })

  test('a directory with a file that is no recording', async () => {
    const directory = join(scratch, 'foreign')
    await mkdir(directory)
    await writeFile(join(directory, 'notes.csv'), 'a,b\n1,2\n')
    expect(await refused('--recordings', directory)).toMatch(/^RECORDING_FOREIGN: .*notes\.csv/)
    expect(await refused('--recordings', join(scratch, 'none'))).toMatch(/^RECORDINGS_NONE/)
  })

  test('a port in use, an unreachable broker, database or registry, an unknown model', async () => {
    const server = createServer()
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? String(address.port) : ''
    expect(await refused('--port', port)).toMatch(/^SERVICE_PORT_IN_USE/)
    server.close()
    await once(server, 'close')
    expect(await refused('--brokers', `127.0.0.1:${port}`)).toMatch(/^LOG_UNREACHABLE/)
    expect(await refused('--sql', `postgres://me:secret@127.0.0.1:${port}/x`)).toMatch(
      /^SQL_UNREACHABLE(?!.*secret)/,
    )
    expect(await refused('--registry', `http://127.0.0.1:${port}`)).toMatch(/^REGISTRY_UNREACHABLE/)
    expect(await refused('--model', 'nosuch')).toMatch(/nosuch/)
  })
})
