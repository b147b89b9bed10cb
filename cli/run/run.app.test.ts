/** The product as a person runs it: whole processes, with what they print and leave behind. */
import { once } from 'node:events'
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { printed, type Scratch, scratch } from '../../test/node-process.ts'
import { ended, tickerwatch } from '../../test/tickerwatch.ts'

let own: Scratch
beforeAll(async () => {
  own = await scratch()
})
afterAll(() => own.remove())

const shipped = (version: string): string =>
  fileURLToPath(new URL(`../../processors/models/releases/watch-${version}.json`, import.meta.url))

describe('a run on embedded parts', () => {
  test('ends by itself, swaps the model on the way, and its numbers agree', async () => {
    const { stderr, report } = await own.run(
      'timed',
      '--for',
      '14s',
      '--publish-after',
      '7s',
      '--devices',
      '40',
    )
    expect(stderr.join('\n')).toContain('model swaps         2.0.0 at')
    const { readings, windows, predictions, sqlRows, finalLag, deadLettered, swaps } = report
    expect(windows).toBeGreaterThan(40)
    expect([predictions, sqlRows, finalLag, deadLettered]).toEqual([windows, windows, 0, 0])
    expect(readings).toBeGreaterThan(40 * 10 * 10)
    expect(report.predictionsByModelVersion).toEqual({
      '1.0.0': expect.any(Number),
      '2.0.0': expect.any(Number),
    })
    expect(swaps).toEqual([{ version: '2.0.0', at: expect.stringMatching(/^\d{4}-.*Z$/) }])
  })

  test('takes a release published from another terminal, and stops cleanly at Ctrl-C', async () => {
    const state = own.path('published')
    const file = own.path('published.json')
    const child = own.start('published', '--report', file)
    const text = printed(child)
    const exit = once(child, 'exit')
    await expect.poll(text, { timeout: 60_000 }).toMatch(/[1-9]\d* predictions/)
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(text())![0]

    const candidate = await tickerwatch('models', 'publish', shipped('2.0.0'), '--state', state)
    expect(candidate).toMatchObject({ code: 0, stdout: ['published watch@2.0.0 as candidate'] })
    const status = async () => (await fetch(`${url}/api/status`)).json()
    await expect.poll(status).toMatchObject({ models: { inForce: { version: '1.0.0' } } })
    const promoted = await tickerwatch('models', 'publish', shipped('2.0.0'), '--promote', '--state', state)
    expect(promoted).toMatchObject({ code: 0, stdout: ['published watch@2.0.0 as promoted'] })
    await expect
      .poll(status, { timeout: 20_000 })
      .toMatchObject({ predictions: { '2.0.0': expect.any(Number) } })

    const damaged = own.path('damaged.json')
    const release = JSON.parse(await readFile(shipped('2.0.0'), 'utf8'))
    await writeFile(
      damaged,
      JSON.stringify({ ...release, version: '2.1.0', labels: release.labels.slice(1) }),
    )
    const refused = await tickerwatch('models', 'publish', damaged, '--promote', '--state', state)
    expect(refused.code).toBe(1)
    expect(refused.stderr[0]).toMatch(/MODEL_INTERFACE_WRONG/)

    const list = await tickerwatch('models', 'list', '--state', state)
    expect(list.stdout.join('\n')).toMatch(/watch@2\.0\.0 +in force[\s\S]*watch@1\.0\.0 +promoted/)
    child.kill('SIGINT')
    expect(await exit).toEqual([0, null])
    expect(text()).toContain('lag at the end      0')
    const report = JSON.parse(await readFile(file, 'utf8'))
    expect(report).toMatchObject({ finalLag: 0, swaps: [{ version: '2.0.0' }] })
    expect([report.predictions, report.sqlRows]).toEqual([report.windows, report.windows])
    const gone = await tickerwatch('models', 'list', '--state', state)
    expect(gone.stderr[0]).toMatch(/^NODE_NOT_RUNNING/)
  })
})

describe('recordings', () => {
  let directory: string
  beforeAll(async () => {
    directory = await own.recordings('recordings', '--devices', '6', '--for', '2m', '--seed', '7')
  })

  const stream = async (name: string) =>
    (await own.run(name, '--recordings', directory, '--speed', 'max')).report

  test('end by themselves, close every window, and give the same predictions again', async () => {
    const first = await stream('first')
    const rows = await Promise.all(
      (await readdir(directory)).map(async file => {
        const text = await readFile(join(directory, file), 'utf8')
        return text.trimEnd().split('\n').length - 2
      }),
    )
    const readings = rows.reduce((sum, each) => sum + each)
    expect(first).toMatchObject({ readings, deadLettered: 0, late: 0, finalLag: 0 })
    expect([first.predictions, first.sqlRows]).toEqual([first.windows, first.windows])
    // Windows begin every 2.5 s, which is 25 readings; the one begun before counts, too.
    expect(first.windows).toBeGreaterThanOrEqual(readings / 25)
    const { seconds: _, readingsPerSecond: __, ...second } = await stream('second')
    expect(first).toMatchObject(second)

    const dirty = join(directory, 'watch-1.csv')
    await appendFile(dirty, 'no stamp,1,2,3\n2020-13-01 00:00:00.000,,,,,,,,,,,,,,,,,,,\n')
    const { deadLettered, predictionsDigest } = await stream('dirty')
    expect({ deadLettered, predictionsDigest }).toEqual({
      deadLettered: 2,
      predictionsDigest: first.predictionsDigest,
    })
  })
})

describe('what is wrong with a call is said in one line, with an exit code that is not 0', () => {
  const refused = async (...words: string[]) => {
    const { code, stderr } = await ended(own.start('refused', ...words))
    expect(code).not.toBe(0)
    expect(stderr.join('\n')).not.toMatch(/\n {4}at /)
    return stderr[0]
  }

  test('a flag that does not exist, or belongs to another one', async () => {
    expect(await refused('--recording', 'x')).toMatch(/unknown option '--recording'/)
    expect(await refused('--speed', 'max')).toMatch(/--speed belongs to --recordings/)
    expect(await refused('--standby-replicas', '1')).toMatch(/--standby-replicas belongs to --brokers/)
    expect(await refused('--brokers', 'x:1', '--advertise', 'nowhere')).toMatch(/--advertise.*host:port/)
    expect(await refused('--brokers', 'x:1', '--advertise', 'x:1', '--threads', '2')).toMatch(
      /--advertise does not go with --threads/,
    )
    expect(await refused('--s3', 's3://bucket/p')).toMatch(/--s3 belongs to --sql redshift/)
    expect(await refused('--sql', 'redshift://x/db')).toMatch(/needs --s3 s3:/)
  })

  test('a directory with a file that is no recording', async () => {
    const directory = own.path('foreign')
    await mkdir(directory)
    await writeFile(join(directory, 'notes.csv'), 'a,b\n1,2\n')
    expect(await refused('--recordings', directory)).toMatch(/^RECORDING_FOREIGN: .*notes\.csv/)
    expect(await refused('--recordings', own.path('none'))).toMatch(/^RECORDINGS_NONE/)
    expect(await refused('--emr-config', own.path('none.json'))).toMatch(
      /^EMR_CONFIG_UNREADABLE: .*none\.json/,
    )
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
