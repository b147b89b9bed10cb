import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { memoryBackend } from '../state/index.ts'
import { type Log, StreamsNode } from '../topology/index.ts'
import { counting, countingLog, inputs, standbysCaughtUp, write } from '../topology/testing/counting-node.ts'
import { nodesAnswer } from './node-routes.ts'
import { buildService } from './server.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Started {
  readonly node: StreamsNode
  readonly http: Server
  readonly url: string
}

/** A node that is asked at its port: its figures are those of `tasks`. */
async function start(log: Log, clientId: string, tells = true): Promise<Started> {
  const http = createServer()
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as AddressInfo
  closing.push(async () => {
    http.closeAllConnections()
    await new Promise(resolve => http.close(resolve))
  })
  const node = new StreamsNode({
    topology: counting(),
    applicationId: 'app',
    clientId,
    ...(tells && { endpoint: `127.0.0.1:${port}` }),
    log,
    state: memoryBackend(),
    commitInterval: 5,
    standbyReplicas: 1,
  })
  closing.push(() => node.close())
  await node.start()
  const source = movingSource(Date.now)
  const service = await buildService({
    source: {
      ...source,
      status: () => {
        const { tasks, standbys, restoring } = node.status()
        const work = {
          tasks: tasks.map(({ name }) => name),
          standbys: standbys.map(({ name, lag }) => ({ task: name, lag })),
          restoring,
        }
        return { ...source.status(), work }
      },
    },
    releases: noReleases,
    deadLetters: noLetters,
    annotations: noAnnotations,
    queries: node.query,
    token: 'secret',
    logger: { error: () => {} },
  })
  closing.push(() => service.close())
  await service.ready()
  http.on('request', service.routing)
  node.run().catch(() => {})
  return { node, http, url: `http://127.0.0.1:${port}` }
}

async function nodesOf({ url }: Started) {
  const answer = await fetch(`${url}/api/nodes`)
  expect(answer.status).toBe(200)
  return nodesAnswer.parse(await answer.json())
}

test('any node tells of all, with what each of them says of itself', async () => {
  const log = await countingLog(3)
  await write(log, inputs(60), 3)
  const first = await start(log, 'one')
  const second = await start(log, 'two')
  await expect
    .poll(
      async () => (await standbysCaughtUp(first.node, log)) && (await standbysCaughtUp(second.node, log)),
      {
        timeout: 20_000,
      },
    )
    .toBe(true)
  for (const asked of [first, second]) {
    await expect
      .poll(async () => (await nodesOf(asked)).nodes.flatMap(each => each.tasks).toSorted(), {
        timeout: 20_000,
      })
      .toEqual(['0_0', '0_1', '0_2'])
    const { node, nodes } = await nodesOf(asked)
    expect(node).toBe(asked.node.query.node)
    expect(nodes).toHaveLength(2)
    const standbys = nodes.flatMap(each => each.standbys)
    expect(standbys).toHaveLength(3)
    for (const each of nodes) {
      expect(each).toMatchObject({
        endpoint: expect.stringMatching(/^127\.0\.0\.1:/),
        figures: { restoring: [] },
      })
      expect(each.figures?.edges).toHaveLength(9)
      expect(each).not.toHaveProperty('trouble')
    }
  }
})

test('of a node that does not answer, or says not where, the tasks are told and what is the matter', async () => {
  const log = await countingLog(3)
  const first = await start(log, 'one')
  const second = await start(log, 'two')
  const third = await start(log, 'three', false)
  const all = [first, second, third]
  await expect
    .poll(async () => all.every(({ node }) => node.status().tasks.length === 1), { timeout: 20_000 })
    .toBe(true)
  second.http.removeAllListeners('request')
  second.http.on('request', (_request, response) => response.writeHead(500).end('no'))
  await expect
    .poll(
      async () => {
        const { nodes } = await nodesOf(first)
        return nodes.map(each => [each.tasks.length, each.trouble]).toSorted()
      },
      { timeout: 20_000 },
    )
    .toEqual(
      [
        [1, undefined],
        [1, expect.stringMatching(/cannot be asked: it answered 500 no/)],
        [1, expect.stringMatching(/does not say where/)],
      ].toSorted(),
    )
})
