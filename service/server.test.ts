import { afterEach, expect, test } from 'vitest'
import type { Timers } from '../topology/index.ts'
import { buildService, type ServiceOptions, startService } from './server.ts'
import { type MovingSource, movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** A clock that goes when told. */
function manualTimers(): Timers & { pass(milliseconds: number): void } {
  let now = 1_700_000_000_000
  let due: { at: number; callback: () => void }[] = []
  return {
    now: () => now,
    after: (delay, callback) => {
      const timer = { at: now + delay, callback }
      due.push(timer)
      return () => {
        due = due.filter(other => other !== timer)
      }
    },
    pass: milliseconds => {
      for (const end = now + milliseconds; now < end; ) {
        now += 100
        const ripe = due.filter(timer => timer.at <= now)
        due = due.filter(timer => !ripe.includes(timer))
        for (const { callback } of ripe) callback()
      }
    },
  }
}

async function service(options: Partial<ServiceOptions> = {}) {
  const timers = manualTimers()
  const source: MovingSource = movingSource(timers.now)
  const errors: unknown[] = []
  const server = await buildService({
    source,
    timers,
    releases: noReleases,
    deadLetters: noLetters,
    annotations: noAnnotations,
    token: 'secret',
    logger: { error: (error: unknown) => void errors.push(error) },
    ...options,
  })
  closing.push(() => server.close())
  return { server, source, timers, errors }
}

test('the status has rates, once there is something to compare with', async () => {
  const { server, source, timers } = await service()
  expect((await server.inject('/api/status')).json()).not.toHaveProperty('readingsPerSecond')
  timers.pass(500)
  for (let i = 0; i < 30; i++) {
    source.advance(50)
    timers.pass(100)
  }
  const status = (await server.inject('/api/status')).json()
  expect(status).toMatchObject({
    readings: 1500,
    windowsClosed: 60,
    predictions: { '1.0.0': 60 },
    guarantee: 'exactly_once',
  })
  expect(status.readingsPerSecond).toBeCloseTo(500, -1)
  expect(status.predictionsPerSecond).toBeCloseTo(20, 0)
  expect(status.lastPredictions).toHaveLength(50)
  const topology = (await server.inject('/api/topology')).json()
  expect(topology.edges[0]).toMatchObject({ from: 'readings', to: 'motion', total: 1500 })
  expect(topology.edges[0].perSecond).toBeCloseTo(500, -1)
  expect(status.history.length).toBeGreaterThan(3)
})

test('a total that begins anew gives no negative rate, and a source that throws does not end the console', async () => {
  const { server, source, timers, errors } = await service()
  source.change({ readings: 10_000 })
  timers.pass(1000)
  source.change({ readings: 100 })
  expect((await server.inject('/api/status')).json().readingsPerSecond).toBeGreaterThan(0)
  const { status } = source
  source.status = () => {
    throw new Error('not now')
  }
  timers.pass(1000)
  expect((await server.inject('/api/status')).json()).toEqual({
    code: 'INTERNAL',
    message: 'see the log of the node',
  })
  expect(errors.length).toBeGreaterThan(1)
  source.status = status
  expect((await server.inject('/api/status')).statusCode).toBe(200)
})

test('health says why not', async () => {
  const { server, source } = await service()
  expect((await server.inject('/health/ready')).json()).toEqual({ status: 'ok' })
  source.unready = () => 'restoring task 0_1'
  source.stalled = () => 'no progress for 60 s'
  const ready = await server.inject('/health/ready')
  expect([ready.statusCode, ready.json()]).toEqual([
    503,
    { status: 'unavailable', reason: 'restoring task 0_1' },
  ])
  expect((await server.inject('/health/live')).statusCode).toBe(503)
})

test('metrics are as of now, with the process’ own', async () => {
  const { server, source } = await service()
  source.swap()
  const answer = await server.inject('/metrics')
  expect(answer.headers['content-type']).toContain('text/plain')
  expect(answer.body).toMatch(
    /^kafka_consumergroup_lag\{consumergroup="activity",topic="ticker-watch-data",partition="2"\} \d+$/m,
  )
  expect(answer.body).toMatch(/^tickerwatch_model_in_force\{name="watch",version="1.1.0"\} 1$/m)
  expect(answer.body).toMatch(/^process_resident_memory_bytes \d+/m)
  source.change({ sink: { target: 'SQL', rows: 250, lag: 3 } })
  const { body } = await server.inject('/metrics')
  expect(body).toMatch(/^tickerwatch_sink_rows_total\{sink="sql"\} 250$/m)
  expect(body).toMatch(/^tickerwatch_sink_waiting\{sink="sql"\} 3$/m)
})

test('the page and its files come from here, with headers that keep everything else out', async () => {
  const { server } = await service()
  for (const url of [
    '/',
    '/console.js',
    '/console.css',
    '/icon.svg',
    '/uplot/uPlot.esm.js',
    '/uplot/uPlot.min.css',
  ]) {
    const answer = await server.inject(url)
    expect([url, answer.statusCode]).toEqual([url, 200])
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'")
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
    if (url !== '/icon.svg') expect(answer.body).not.toMatch(/(src|href)="(https?:)?\/\//)
  }
  expect((await server.inject('/')).body).not.toMatch(/<script(?![^>]*src=)| on[a-z]+=|style=/)
  for (const url of ['/../server.ts', '/%2e%2e/server.ts', '/nothing', '/uplot/../../package.json']) {
    expect((await server.inject(url)).statusCode).toBe(404)
  }
})

test('events follow the node, for a bounded number of pages', async () => {
  const source = movingSource(Date.now)
  const { url, close } = await startService({
    port: 0,
    source,
    releases: noReleases,
    deadLetters: noLetters,
    annotations: noAnnotations,
    token: 't',
    logger: { error: () => {} },
  })
  closing.push(close)
  const abort = new AbortController()
  closing.push(() => abort.abort())
  const open = () => fetch(`${url}/api/events`, { signal: abort.signal })
  const first = await open()
  expect(first.headers.get('content-type')).toBe('text/event-stream')
  const reader = first.body!.getReader()
  let text = ''
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) text += Buffer.from((await reader.read()).value ?? []).toString()
  }
  await until(() => text.includes('"readings":0,'))
  source.advance(75)
  await until(() => text.includes('"readings":75,'))
  expect(text.startsWith('data: {')).toBe(true)

  const others = await Promise.all(Array.from({ length: 32 }, open))
  expect(others.filter(({ status }) => status === 503)).toHaveLength(1)

  await close()
  // The stream ends with the server, rather than keeping it open.
  for (let done = false; !done; ) done = (await reader.read()).done
})

test('dead letters need the token, and questions that make sense', async () => {
  const { server } = await service()
  const ask = (url: string, authorization?: string) =>
    server.inject({ url, headers: authorization === undefined ? {} : { authorization } })
  for (const url of ['/api/dead-letters', '/api/dead-letters/1']) {
    expect((await ask(url)).statusCode).toBe(401)
    expect((await ask(url, 'Bearer wrong')).statusCode).toBe(401)
  }
  const replay = { method: 'POST', url: '/api/dead-letters/replay', payload: { dryRun: false } } as const
  expect((await server.inject(replay)).statusCode).toBe(401)
  for (const url of ['/api/dead-letters?limit=-1', '/api/dead-letters?since=soon', '/api/dead-letters/one']) {
    expect((await ask(url, 'Bearer secret')).statusCode).toBe(400)
  }
  const unheard = await ask('/api/dead-letters', 'Bearer secret')
  expect([unheard.statusCode, unheard.json().code]).toEqual([503, 'LOG_UNKNOWN_TOPIC'])
})

test('a port in use is named in one line', async () => {
  const options = {
    source: movingSource(Date.now),
    releases: noReleases,
    deadLetters: noLetters,
    annotations: noAnnotations,
    token: 't',
    logger: { error: () => {} },
  }
  const first = await startService({ port: 0, ...options })
  closing.push(first.close)
  expect(first.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  const port = Number(new URL(first.url).port)
  await expect(startService({ port, ...options })).rejects.toMatchObject({
    code: 'SERVICE_PORT_IN_USE',
    message: `port ${port} on 127.0.0.1 is in use`,
  })
})
