/** `npm run audit` against registries of this machine: one that knows of a weakness, one of none, and those that answer no audits. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { root } from './files.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function audit(answer: RequestListener | undefined) {
  const server = createServer(answer)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => new Promise(resolve => server.close(resolve))
  if (answer === undefined) await close()
  else closing.push(close)
  // What npm has made of advisories before is in its cache.
  const cache = await mkdtemp(join(tmpdir(), 'tickerwatch-audit-'))
  closing.push(() => rm(cache, { recursive: true, force: true }))
  const env = {
    ...process.env,
    npm_config_cache: cache,
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_fetch_retries: '0',
  }
  return await new Promise<{ code: unknown; stdout: string }>(resolve => {
    execFile(process.execPath, [join(root, 'test/audit.mjs')], { env }, (error, stdout) =>
      resolve({ code: error === null ? 0 : error.code, stdout }),
    )
  })
}

const registry =
  (advisories: object): RequestListener =>
  (request, response) => {
    request.resume()
    response.setHeader('content-type', 'application/json')
    if (request.url === '/-/npm/v1/security/advisories/bulk') return response.end(JSON.stringify(advisories))
    // What npm asks of a package that is named: which versions there are.
    const name = decodeURIComponent(request.url?.slice(1) ?? '')
    const versions = { '5.12.8': { name, version: '5.12.8' } }
    response.end(JSON.stringify({ name, versions, 'dist-tags': { latest: '5.12.8' } }))
  }

const weakness = (severity: string) => ({
  fastify: [
    {
      id: 1,
      url: 'https://example.org/1',
      title: 'a hole',
      severity,
      vulnerable_versions: '*',
      cwe: [],
      cvss: {},
    },
  ],
})

test('a weakness that is high or critical fails it, and is named', async () => {
  const { code, stdout } = await audit(registry(weakness('high')))
  expect([code, stdout]).toEqual([
    1,
    expect.stringMatching(/^fastify .*: high: a hole https:\/\/example\.org\/1$/m),
  ])
}, 60_000)

test('lesser ones and none do not', async () => {
  for (const advisories of [weakness('moderate'), {}])
    expect(await audit(registry(advisories))).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^0 of \d+ packages/),
    })
}, 60_000)

test.each([405, 404])(
  'a registry that answers %i does not fail it, and it is said that nothing was checked',
  async status => {
    const { code, stdout } = await audit((request, response) => {
      request.resume()
      response.writeHead(status).end()
    })
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(
        new RegExp(`^not checked: the registry answers no audits \\(.*${status}.*\\)\n$`),
      ),
    ])
  },
  60_000,
)

test('nor does one that cannot be reached', async () => {
  expect(await audit(undefined)).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^not checked: .*ECONNREFUSED/),
  })
}, 60_000)
