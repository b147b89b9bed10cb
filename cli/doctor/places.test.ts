import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeNodeFile } from '../node-file.ts'
import { examine, type Finding } from './check.ts'
import { type PlaceSettings, placeChecks } from './places.ts'

let directory: string
let server: Server
let answer: { status: number; body: string }
let url: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tickerwatch-doctor-'))
  answer = { status: 200, body: '["a-value"]' }
  server = createServer((_request, response) => {
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
})
afterEach(async () => {
  server.close()
  await rm(directory, { recursive: true })
})

async function found(settings: Partial<PlaceSettings>): Promise<Map<string, Finding>> {
  const none = {
    sql: undefined,
    s3: undefined,
    registry: undefined,
    featureStore: undefined,
    archive: undefined,
  }
  const findings = new Map<string, Finding>()
  for await (const finding of examine(placeChecks({ state: join(directory, 'state'), ...none, ...settings })))
    findings.set(finding.check, finding)
  return findings
}

test('what is not set is not looked at; a directory that is not there yet is no problem', async () => {
  const findings = await found({})
  expect([...findings.values()].map(({ check, outcome }) => `${check} ${outcome}`)).toEqual([
    'state ok',
    'node skipped',
    'registry skipped',
    'sql skipped',
    'feature store ok',
    'archive skipped',
  ])
  expect(findings.get('state')?.said).toMatch(/ free at .*tickerwatch-doctor-/)
})

test('a store is written and read, and nothing is left in it', async () => {
  const archive = join(directory, 'archive')
  expect((await found({ archive })).get('archive')).toMatchObject({ outcome: 'ok' })
  const left = await readdir(archive, { recursive: true, withFileTypes: true })
  expect(left.filter(entry => entry.isFile())).toEqual([])
  await writeFile(join(directory, 'file'), '')
  expect((await found({ archive: join(directory, 'file') })).get('archive')).toMatchObject({
    outcome: 'problem',
  })
  expect((await found({ state: join(directory, 'file') })).get('state')).toMatchObject({
    outcome: 'problem',
    remedy: 'Name a directory with --state.',
  })
})

test('a registry answers with its subjects', async () => {
  const registry = `${url}/apis/ccompat/v7`
  expect((await found({ registry })).get('registry')).toMatchObject({
    outcome: 'ok',
    said: `1 subjects at ${registry}`,
  })
  answer = { status: 404, body: '{}' }
  expect((await found({ registry })).get('registry')).toMatchObject({
    outcome: 'problem',
    said: `${registry}/subjects answers 404`,
  })
  server.close()
  await once(server, 'close')
  expect((await found({ registry })).get('registry')?.said).toMatch(/cannot be reached: .*ECONNREFUSED/)
})

test('a database that cannot be reached is told without the password', async () => {
  const { port } = new URL(url)
  server.close()
  await once(server, 'close')
  const { sql } = Object.fromEntries(await found({ sql: `postgres://me:hush@127.0.0.1:${port}/watch` }))
  expect(sql).toMatchObject({ outcome: 'problem', remedy: expect.stringMatching(/\w/) })
  expect(sql?.said).toMatch(/^SQL_UNREACHABLE/)
  expect(JSON.stringify(sql)).not.toContain('hush')
})

test('a node that runs there is asked whether it is ready', async () => {
  const state = join(directory, 'state')
  const tokens = { token: 'a token of some length', annotatorToken: 'another of some length' }
  await writeNodeFile(state, { url, ...tokens, pid: process.pid })
  expect((await found({ state })).get('node')).toMatchObject({ outcome: 'ok', said: `ready at ${url}` })
  answer = { status: 503, body: '{"status":"unavailable","reason":"a task restores"}' }
  const { node } = Object.fromEntries(await found({ state }))
  expect(node).toMatchObject({ outcome: 'problem', said: expect.stringContaining('a task restores') })
})
