import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { memoryBackend } from '../state/index.ts'
import { type Log, StreamsNode, systemTimers, type Timers } from '../topology/index.ts'
import {
  counting,
  countingLog,
  expectedCounts,
  inputs,
  isDone,
  standbysCaughtUp,
  write,
} from '../topology/testing/counting-node.ts'
import { buildService } from './server.ts'
import { askOwners } from './store-owners.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const PARTITIONS = 3
const values = inputs(600)
const counts = expectedCounts(values)

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** One node of two: it is asked at its port, by the other one, too. */
interface Asked {
  readonly node: StreamsNode
  readonly url: string
  /** What answers at its port. */
  readonly http: Server
}

/** A server whose answers are given to it later: a node says where it is asked before it can answer. */
async function listener(): Promise<{ http: Server; url: string; endpoint: string }> {
  const http = createServer()
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as AddressInfo
  closing.push(async () => {
    http.closeAllConnections()
    await new Promise(resolve => http.close(resolve))
  })
  return { http, url: `http://127.0.0.1:${port}`, endpoint: `127.0.0.1:${port}` }
}

function answerWith(http: Server, handle: RequestListener): void {
  http.removeAllListeners('request')
  http.on('request', handle)
}

async function serve(
  http: Server,
  node: StreamsNode | undefined,
  timers: Timers = systemTimers,
): Promise<void> {
  const service = await buildService({
    source: movingSource(Date.now),
    releases: noReleases,
    deadLetters: noLetters,
    annotations: noAnnotations,
    queries: node?.query,
    token: 'secret',
    logger: { error: () => {} },
    timers,
  })
  closing.push(() => service.close())
  await service.ready()
  answerWith(http, service.routing)
}

async function startNode(log: Log, clientId: string, endpoint?: string): Promise<StreamsNode> {
  const node = new StreamsNode({
    topology: counting(),
    applicationId: 'app',
    clientId,
    ...(endpoint !== undefined && { endpoint }),
    log,
    state: memoryBackend(),
    commitInterval: 5,
    standbyReplicas: 1,
  })
  closing.push(() => node.close())
  await node.start()
  return node
}

/** Two nodes that keep each other's standbys, everything processed, and each copy caught up. */
async function cluster(log: Log): Promise<readonly [Asked, Asked]> {
  const start = async (clientId: string): Promise<Asked> => {
    const { http, url, endpoint } = await listener()
    const node = await startNode(log, clientId, endpoint)
    await serve(http, node)
    node.run().catch(() => {})
    return { node, url, http }
  }
  const [a, b] = [await start('a'), await start('b')]
  await expect
    .poll(() => [a, b].map(({ node }) => node.status().tasks.length).sort(), { timeout: 10_000 })
    .toEqual([1, 2])
  await write(log, values, PARTITIONS)
  await expect.poll(() => isDone(a.node), { timeout: 10_000 }).toBe(true)
  for (const { node } of [a, b])
    await expect.poll(() => standbysCaughtUp(node, log), { timeout: 10_000 }).toBe(true)
  return [a, b]
}

async function ask(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers })
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    body: JSON.parse(await response.text()),
  }
}

/** A key whose task the node does not run. */
function keyElsewhere({ node }: Asked): string {
  const own = node.status().tasks.map(({ name }) => name)
  return Object.keys(counts).find(key => !own.includes(node.query.ownerOf('counts', key).task)) ?? ''
}

describe('two nodes', () => {
  let log: Log
  let a: Asked
  let b: Asked
  beforeEach(async () => {
    log = await countingLog(PARTITIONS)
    closing.push(() => log.close())
    ;[a, b] = await cluster(log)
  })

  test('answer for each other, by key, and say who did', async () => {
    const answered = new Set<string>()
    for (const [key, count] of Object.entries(counts)) {
      const owner = a.node.query.ownerOf('counts', key)
      const answers = await Promise.all([a, b].map(({ url }) => ask(`${url}/api/stores/counts/keys/${key}`)))
      for (const { status, body } of answers) {
        expect(status).toBe(200)
        expect(body).toMatchObject({ store: 'counts', key, value: count, task: owner.task })
        expect(body).toMatchObject({ node: owner.active?.node, from: 'active', lag: 0 })
        expect(body.positions).toMatchObject([{ topic: 'in', partition: owner.partition }])
        expect(body.timestamp).toBeGreaterThan(0)
        answered.add(body.node)
      }
    }
    expect([...answered].sort()).toEqual(['a', 'b'])
  })

  test('answer for each other, by ranges of keys and times, within a limit for each task', async () => {
    const wanted = Object.keys(counts).filter(key => key >= 'k1' && key <= 'k2')
    for (const { url } of [a, b]) {
      const range = await ask(`${url}/api/stores/counts/keys?from=k1&to=k2`)
      expect(range.body.answers.map(({ task }: { task: string }) => task)).toEqual(['0_0', '0_1', '0_2'])
      expect(keysIn(range.body)).toEqual(wanted.sort())
      const limited = await ask(`${url}/api/stores/counts/keys?limit=2`)
      expect(limited.body.answers).toMatchObject([{ more: true }, { more: true }, { more: true }])
      expect(keysIn(limited.body)).toHaveLength(6)

      const all = await ask(`${url}/api/stores/minutes/windows?from=240000&to=240000`)
      expect(keysIn(all.body)).toEqual(Object.keys(counts).sort())
      const { body } = await ask(`${url}/api/stores/minutes/windows/k7?from=120000&to=300000&limit=3`)
      expect(body).toMatchObject({ store: 'minutes', key: 'k7', more: true, from: 'active' })
      expect(body.windows.map(({ start }: { start: number }) => start)).toEqual([120_000, 180_000, 240_000])
      expect(body.windows[0]).toEqual({ key: 'k7', start: 120_000, value: 1, timestamp: 157_000 })
    }
  })

  test('read from a standby where that is asked for', async () => {
    const key = keyElsewhere(a)
    const { body } = await ask(`${a.url}/api/stores/counts/keys/${key}?standby=true`)
    expect(body).toMatchObject({ value: counts[key], node: 'a', from: 'standby', lag: 0 })
    expect(body.positions.map(({ topic }: { topic: string }) => topic).sort()).toEqual([
      'app-counts-changelog',
      'app-minutes-changelog',
    ])
    const range = await ask(`${a.url}/api/stores/counts/keys?standby=true`)
    expect(new Set(range.body.answers.map(({ node }: { node: string }) => node))).toEqual(new Set(['a']))
    expect(keysIn(range.body)).toHaveLength(50)
  })

  test('list the stores, and where their tasks are', async () => {
    const { body } = await ask(`${b.url}/api/stores`)
    const named = body.stores.filter(({ kind }: { kind?: string }) => kind !== undefined)
    expect(named).toMatchObject([
      { name: 'counts', kind: 'key-value', keys: 'string' },
      { name: 'minutes', kind: 'window', keys: 'string' },
    ])
    const { body: store } = await ask(`${a.url}/api/stores/counts`)
    expect(store).toEqual(named[0])
    expect(store.tasks).toHaveLength(PARTITIONS)
    for (const { active, standbys } of store.tasks) {
      expect([active.node, standbys[0].node].sort()).toEqual(['a', 'b'])
      expect(`http://${active.endpoint}`).toBe(active.node === 'a' ? a.url : b.url)
    }
  })

  test('never forward what was forwarded', async () => {
    let asked = 0
    answerWith(b.http, (_request, response) => {
      asked++
      response.end('{"answers":[]}')
    })
    const url = `${a.url}/api/stores/counts/keys/${keyElsewhere(a)}`
    expect((await ask(url, { 'x-tickerwatch-forwarded': '1' })).body).toEqual({ answers: [] })
    expect(asked).toBe(0)
    // The owner does not have it yet: it was asked once.
    const restoring = await ask(url)
    expect(restoring).toMatchObject({ status: 503, retryAfter: '1', body: { code: 'STORE_RESTORING' } })
    expect(asked).toBe(1)
  })

  test('say when the owner cannot be asked, and read from a standby then', async () => {
    const key = keyElsewhere(a)
    const url = `${a.url}/api/stores/counts/keys/${key}`
    for (const answer of ['{"answers":[{}]}', 'no JSON', '{}']) {
      answerWith(b.http, (_request, response) => void response.end(answer))
      expect(await ask(url)).toMatchObject({ status: 502, body: { code: 'STORE_OWNER_UNREACHABLE' } })
    }
    answerWith(b.http, (_request, response) => void response.writeHead(500).end('broken'))
    expect((await ask(url)).body.message).toContain('it answered 500 broken')
    answerWith(b.http, (_request, response) => void response.destroy())
    expect((await ask(url)).status).toBe(502)
    expect((await ask(`${a.url}/api/stores/counts/keys`)).status).toBe(502)
    expect((await ask(`${url}?standby=true`)).body).toMatchObject({ value: counts[key], from: 'standby' })
  })

  test('wait two seconds for the owner, and no longer', async () => {
    const waits: number[] = []
    const hurried: Timers = {
      now: systemTimers.now,
      after: (delay, callback) => {
        waits.push(delay)
        return systemTimers.after(Math.min(delay, 20), callback)
      },
    }
    await serve(a.http, a.node, hurried)
    answerWith(b.http, () => {})
    const { status, body } = await ask(`${a.url}/api/stores/counts/keys/${keyElsewhere(a)}`)
    expect([status, body.code]).toEqual([502, 'STORE_OWNER_UNREACHABLE'])
    expect(body.message).toContain('no answer in 2000 ms')
    expect(waits).toContain(2000)
  })

  test('refuse what makes no sense, and say what to do', async () => {
    const refused: [string, number, string][] = [
      ['nothing', 404, 'QUERY_STORE_UNKNOWN'],
      ['nothing/keys/k1', 404, 'QUERY_STORE_UNKNOWN'],
      ['counts/keys/nobody', 404, 'STORE_KEY_UNKNOWN'],
      ['minutes/keys/k1', 400, 'QUERY_STORE_KIND'],
      ['counts/windows/k1', 400, 'QUERY_STORE_KIND'],
      ['counts/windows', 400, 'QUERY_STORE_KIND'],
      ['counts/keys?limit=1001', 400, 'BAD_REQUEST'],
      ['counts/keys?standby=perhaps', 400, 'BAD_REQUEST'],
      ['minutes/windows?from=soon', 400, 'BAD_REQUEST'],
    ]
    const here = Object.keys(counts).find(key => a.node.query.ownerOf('counts', key).active?.node === 'a')
    for (const [path, status, code] of refused) {
      const answer = await ask(`${a.url}/api/stores/${path.replace('/k1', `/${here}`)}`)
      expect([path, answer.status, answer.body.code]).toEqual([path, status, code])
      if (code !== 'BAD_REQUEST') expect(answer.body.remedy).not.toBe('')
    }
    expect((await fetch(`${a.url}/api/stores/counts/keys/k1`, { method: 'POST' })).status).toBe(404)
  })
})

test('a key belongs to nobody before the group has divided its work', async () => {
  const log = await countingLog(PARTITIONS)
  closing.push(() => log.close())
  const { http, url } = await listener()
  await serve(http, await startNode(log, 'a'))
  const answer = await ask(`${url}/api/stores/counts/keys/k1`)
  expect(answer).toMatchObject({ status: 503, retryAfter: '1', body: { code: 'STORE_OWNER_UNKNOWN' } })
})

test('an owner that says no address cannot be asked', async () => {
  const log = await countingLog(PARTITIONS)
  closing.push(() => log.close())
  const { http, url } = await listener()
  const node = await startNode(log, 'a')
  await serve(http, node)
  const other = await startNode(log, 'b')
  for (const each of [node, other]) each.run().catch(() => {})
  await expect
    .poll(() => [node, other].map(each => each.status().tasks.length).sort(), { timeout: 10_000 })
    .toEqual([1, 2])
  const answer = await ask(`${url}/api/stores/counts/keys`)
  expect([answer.status, answer.body.code]).toEqual([502, 'STORE_OWNER_UNREACHABLE'])
  expect(answer.body.message).toContain('node b')
})

test('a standby on a third node is asked after the task, once, and only where that is asked for', async () => {
  const [silent, standby] = [await listener(), await listener()]
  answerWith(silent.http, (_request, response) => void response.destroy())
  const answer = { task: '0_0', node: 'c', from: 'standby', lag: 3, positions: [], more: false, entries: [] }
  const asked: unknown[] = []
  answerWith(standby.http, ({ url, headers }, response) => {
    asked.push([url, headers['x-tickerwatch-forwarded']])
    response.end(JSON.stringify({ answers: [answer] }))
  })
  const place = (node: string, { endpoint }: { endpoint: string }) => ({
    node,
    endpoint,
    active: [],
    standby: [],
  })
  const owner = { task: '0_0', partition: 0, active: place('b', silent), standbys: [place('c', standby)] }
  const question = { owners: [owner], node: 'a', url: '/api/stores/counts/keys', here: async () => [] }
  await expect(askOwners({ ...question, standby: false }, systemTimers)).rejects.toMatchObject({
    code: 'STORE_OWNER_UNREACHABLE',
  })
  expect(asked).toEqual([])
  expect(await askOwners({ ...question, standby: true }, systemTimers)).toEqual([answer])
  expect(asked).toEqual([['/api/stores/counts/keys', '1']])
})

/** Of all tasks, sorted. */
function keysIn({ answers }: { answers: readonly { entries: readonly { key: string }[] }[] }): string[] {
  return answers.flatMap(({ entries }) => entries.map(({ key }) => key)).sort()
}
