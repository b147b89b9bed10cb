/** Who gets in, from where, and how often: over all routes that there are. */
import Fastify from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import { guard, isLoopback, namesOf } from './door.ts'
import { type Credential, isAtLeast, type Role, roleFor, roles } from './roles.ts'
import { buildService, type ServiceOptions } from './server.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noQueries } from './testing/no-queries.ts'
import { noReleases } from './testing/no-releases.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const own = 'the-own-of-the-node'
const credentials: readonly Credential[] = roles.map(role => ({ role, name: role, token: `that-of-${role}` }))
const bearer = (role: Role): string => `Bearer that-of-${role}`
let addresses = 0

async function service(options: Partial<ServiceOptions> = {}) {
  const server = await buildService({
    source: movingSource(Date.now),
    releases: noReleases,
    replay: () => Promise.reject(new Error('not in this test')),
    deadLetters: noLetters,
    annotations: noAnnotations,
    queries: noQueries,
    token: own,
    logger: { error: () => {} },
    ...options,
  })
  closing.push(() => server.close())
  await server.ready()
  const routes = server.declaredRoutes.flatMap(({ method, url, config }) =>
    (['GET', 'POST'] as const).flatMap(name => {
      if (![method].flat().includes(name)) return []
      return [{ method: name, url: url.replace(/:\w+/g, '1').replace('*', 'x'), access: config?.access }]
    }),
  )
  /** From an address of its own, unless one is given. */
  const ask = async (
    { method, url }: { readonly method: 'GET' | 'POST'; readonly url: string },
    headers: Record<string, string | undefined> = {},
    remoteAddress = `10.0.${addresses >> 8}.${addresses++ & 255}`,
  ) => {
    const payload = method === 'POST' ? { payload: {} } : {}
    const {
      statusCode,
      body,
      headers: given,
    } = await server.inject({ method, url, headers, remoteAddress, ...payload })
    return { status: statusCode, code: statusCode < 400 ? undefined : JSON.parse(body).code, headers: given }
  }
  return { server, routes, ask }
}

describe('roles', () => {
  test('each route refuses who has no token, another’s, or one of a lower role', async () => {
    const { routes, ask } = await service({ credentials })
    const guarded = routes.flatMap(({ access, ...route }) => {
      const least = access === undefined ? 'operator' : roleFor(access, credentials)
      return least === undefined ? [] : [{ ...route, least }]
    })
    expect(guarded.length).toBeGreaterThan(20)
    for (const { least, ...route } of guarded) {
      const says = async (headers?: Record<string, string>) => {
        const { status, code } = await ask(route, headers)
        return [route.url, status, code]
      }
      expect(await says()).toEqual([route.url, 401, 'UNAUTHORIZED'])
      expect(await says({ authorization: 'Bearer wrong' })).toEqual([route.url, 401, 'UNAUTHORIZED'])
      expect(await says({ authorization: `Basic ${own}` })).toEqual([route.url, 401, 'UNAUTHORIZED'])
      for (const role of roles) {
        if (!isAtLeast(role, least))
          expect(await says({ authorization: bearer(role) })).toEqual([route.url, 403, 'FORBIDDEN'])
        else if (route.url !== '/api/events')
          expect([401, 403]).not.toContain((await ask(route, { authorization: bearer(role) })).status)
      }
    }
  })

  test('what writes is never open, and what holds measurements neither', async () => {
    const { routes } = await service()
    const accessOf = (part: RegExp) =>
      new Set(routes.filter(({ url }) => part.test(url)).map(({ access }) => access))
    const writing = routes.filter(({ method }) => method === 'POST')
    expect(writing.length).toBeGreaterThan(8)
    for (const { url, access } of writing)
      expect([url, access]).toEqual([url, url.startsWith('/api/annotation/') ? 'annotator' : 'operator'])
    expect(accessOf(/^\/api\/annotation/)).toEqual(new Set(['annotator']))
    expect(accessOf(/^\/api\/dead-letters/)).toEqual(new Set(['viewer', 'operator']))
    expect(accessOf(/^\/api\/models\/release$/)).toEqual(new Set(['viewer']))
    expect(accessOf(/^\/(health\/.*|metrics)$/)).toEqual(new Set(['public']))
  })

  test('without tokens for viewers, reading what is no measurement needs none; files and health never do', async () => {
    const { routes, ask } = await service({
      credentials: credentials.filter(({ role }) => role !== 'viewer'),
    })
    for (const { access, ...route } of routes)
      if (access === 'open' && route.url !== '/api/events')
        expect([route.url, (await ask(route)).status]).not.toEqual([route.url, 401])
    const strict = await service({ credentials })
    for (const { access, ...route } of strict.routes)
      if (access === 'public')
        expect([route.url, (await strict.ask(route)).status]).not.toEqual([route.url, 401])
  })

  test('the node’s own token may everything', async () => {
    const { ask } = await service({ credentials })
    const { status } = await ask(
      { method: 'POST', url: '/api/models/rollback' },
      { authorization: `Bearer ${own}` },
    )
    expect(status).toBe(400)
  })

  test('a route that does not say whom it is for keeps the server from starting', async () => {
    const server = Fastify()
    closing.push(() => server.close())
    await guard(server, { credentials, hosts: undefined })
    server.get('/forgotten', async () => 'here')
    await expect(server.ready()).rejects.toThrow('/forgotten does not declare config.access')
  })
})

describe('pages of others', () => {
  const rollback = { method: 'POST', url: '/api/models/rollback' } as const
  const status = { method: 'GET', url: '/api/status' } as const
  const authorization = `Bearer ${own}`

  test('cannot act, with whatever headers their visitor’s browser sends', async () => {
    const { ask } = await service()
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      // Another port of this machine.
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
      { origin: 'https://elsewhere.example' },
      { origin: 'http://localhost:3000', host: 'localhost:8080' },
      { origin: 'null' },
    ])
      expect(await ask(rollback, { authorization, ...headers })).toMatchObject({
        status: 403,
        code: 'FOREIGN_ORIGIN',
      })
    for (const headers of [{}, { 'sec-fetch-site': 'same-origin' }, { origin: 'http://localhost:8080' }])
      expect((await ask(rollback, { authorization, host: 'localhost:8080', ...headers })).status).toBe(400)
  })

  test('cannot read either, but may link here', async () => {
    const { ask } = await service()
    expect((await ask(status, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).status).toBe(
      403,
    )
    expect((await ask(status, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).status).toBe(
      200,
    )
    expect((await ask(status, { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' })).status).toBe(200)
  })

  test('what is no JSON is refused before it is read: a form can send it from anywhere', async () => {
    const { server } = await service()
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'text/json',
    ])
      for (const [payload, headers] of [
        ['{}', type === '' ? {} : { 'content-type': type }],
        ['', type === '' ? {} : { 'content-type': type }],
      ] as const) {
        const answer = await server.inject({ ...rollback, headers: { authorization, ...headers }, payload })
        expect([type, answer.statusCode, answer.json().code]).toEqual([type, 415, 'UNSUPPORTED_MEDIA_TYPE'])
      }
  })

  test('cannot make their own name point here, while the node listens on this machine only', async () => {
    const { ask } = await service({ names: ['node-1'] })
    for (const host of [
      'elsewhere.example',
      'elsewhere.example:80',
      'localhost.elsewhere.example',
      '10.0.0.1',
    ])
      expect(await ask(status, { host })).toMatchObject({ status: 421, code: 'MISDIRECTED' })
    for (const host of ['localhost', 'localhost:9', '127.0.0.1:8080', '[::1]:8080', 'node-1:8080'])
      expect([host, (await ask(status, { host })).status]).toEqual([host, 200])
    const elsewhere = await service({ host: '0.0.0.0' })
    expect((await elsewhere.ask(status, { host: 'console.example' })).status).toBe(200)
    expect(['localhost', '127.0.0.1', '127.1.2.3', '::1'].every(isLoopback)).toBe(true)
    expect(['0.0.0.0', '::', '10.0.0.1', 'node-1', '127.example.org'].some(isLoopback)).toBe(false)
    expect(namesOf('::')).toBeUndefined()
  })
})

describe('limits', () => {
  const letters = { method: 'GET', url: '/api/dead-letters' } as const
  const status = { method: 'GET', url: '/api/status' } as const

  test('after ten wrong tokens a minute an address may not try another one, be it right', async () => {
    const { ask } = await service({ credentials })
    const from = (token: string, address: string) =>
      ask(letters, { authorization: `Bearer ${token}` }, address)
    for (let guess = 0; guess < 10; guess++)
      expect((await from(`guess-${guess}`, '192.0.2.1')).status).toBe(401)
    for (const token of ['guess', own]) {
      const { status, code, headers } = await from(token, '192.0.2.1')
      expect([status, code]).toEqual([429, 'TOO_MANY_WRONG_TOKENS'])
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60)
    }
    expect((await from(own, '192.0.2.2')).status).not.toBe(429)
  })

  test('right tokens and none count for nothing there', async () => {
    const { ask } = await service()
    for (let time = 0; time < 12; time++) {
      expect((await ask(letters, {}, '192.0.2.1')).status).toBe(401)
      expect((await ask(letters, { authorization: `Bearer ${own}` }, '192.0.2.1')).status).toBe(503)
    }
  })

  test('an address has so many requests a minute, whatever it asks; health and metrics are always told', async () => {
    const { ask } = await service()
    const nowhere = { method: 'GET', url: '/nowhere' } as const
    for (let time = 0; time < 3000; time++) await ask(nowhere, {}, '192.0.2.1')
    const { status: answered, code, headers } = await ask(status, {}, '192.0.2.1')
    expect([answered, code]).toEqual([429, 'TOO_MANY_REQUESTS'])
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    for (const url of ['/health/live', '/health/ready', '/metrics'])
      expect((await ask({ method: 'GET', url }, {}, '192.0.2.1')).status).toBe(200)
    expect((await ask(status, {}, '192.0.2.2')).status).toBe(200)
  })
})

test('every answer has the headers that keep others out, refusals too', async () => {
  const { ask } = await service()
  for (const url of ['/', '/api/status', '/api/dead-letters', '/nowhere', '/metrics', '/api/docs']) {
    const { headers } = await ask({ method: 'GET', url })
    expect(headers).toMatchObject({
      'content-security-policy': expect.stringContaining(
        "default-src 'none'; script-src 'self'; style-src 'self'",
      ),
      'permissions-policy': expect.stringContaining('camera=()'),
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
    })
    expect(headers).not.toHaveProperty('strict-transport-security')
  }
  const { headers } = await ask({ method: 'GET', url: '/' }, { 'x-forwarded-proto': 'https' })
  expect(headers['strict-transport-security']).toMatch(/^max-age=\d+$/)
})
