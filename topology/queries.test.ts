import { expect, it, describe as suite } from 'vitest'
import { memoryBackend } from '../state/index.ts'
import {
  type Graph,
  type Log,
  memoryLog,
  type NodeOptions,
  StreamsNode,
  string,
  TopologyBuilder,
} from './index.ts'
import {
  counting,
  countingLog,
  expectedCounts,
  type Input,
  inputs,
  isDone,
  standbysCaughtUp,
  write,
} from './testing/counting-node.ts'

const PARTITIONS = 3
const values: readonly Input[] = inputs(600)

/** Two nodes that keep each other's standbys, all records processed, and each copy caught up. */
async function cluster(log: Log): Promise<readonly StreamsNode[]> {
  const options = (clientId: string): NodeOptions => ({
    topology: counting(),
    applicationId: 'app',
    clientId,
    endpoint: `${clientId}:8080`,
    log,
    state: memoryBackend(),
    commitInterval: 5,
    standbyReplicas: 1,
  })
  const nodes = ['a', 'b'].map(clientId => new StreamsNode(options(clientId)))
  for (const node of nodes) {
    await node.start()
    node.run().catch(() => {})
  }
  await expect
    .poll(() => nodes.map(node => node.status().tasks.length).sort(), { timeout: 10_000 })
    .toEqual([1, 2])
  await write(log, values, PARTITIONS)
  await expect.poll(() => isDone(nodes[0]!), { timeout: 10_000 }).toBe(true)
  const caughtUp = async () =>
    (await Promise.all(nodes.map(node => standbysCaughtUp(node, log)))).every(each => each)
  await expect.poll(caughtUp, { timeout: 10_000 }).toBe(true)
  expect(nodes.flatMap(node => node.status().standbys)).toHaveLength(PARTITIONS)
  return nodes
}

suite('queries', () => {
  it('find a key on its node, or on the standby, and say how new the answer is', async () => {
    const log = await countingLog(PARTITIONS)
    const nodes = await cluster(log)
    const counts = expectedCounts(values)
    for (const [key, count] of Object.entries(counts)) {
      const owner = nodes[0]!.query.ownerOf('counts', key)
      expect(nodes[1]!.query.ownerOf('counts', key)).toEqual(owner)
      const [here, there] = owner.active?.node === 'a' ? nodes : [nodes[1], nodes[0]]
      const other = owner.active?.node === 'a' ? 'b' : 'a'
      expect(owner.standbys.map(({ endpoint }) => endpoint)).toEqual([`${other}:8080`])
      const answer = await here!.query.get('counts', key)
      expect(answer).toMatchObject({ value: { value: count }, task: owner.task, from: 'active', lag: 0 })
      expect(answer.positions).toMatchObject([{ topic: 'in', partition: owner.partition }])
      await expect(there!.query.get('counts', key)).rejects.toMatchObject({
        code: 'QUERY_ELSEWHERE',
        message: `the key belongs to task ${owner.task}, which is not here: it runs on ${owner.active?.endpoint}`,
      })
      const copy = await there!.query.get('counts', key, { standby: true })
      expect(copy).toMatchObject({ value: { value: count }, task: owner.task, from: 'standby', lag: 0 })
      expect(copy.positions.map(({ topic }) => topic).sort()).toEqual([
        'app-counts-changelog',
        'app-minutes-changelog',
      ])
      const minutes = await here!.query.windows('minutes', key, { from: 120_000, to: 300_000 })
      const starts = minutes.value.map(({ start }) => start)
      expect(starts).toEqual([120_000, 180_000, 240_000, 300_000])
      const copied = await there!.query.windows(
        'minutes',
        key,
        { from: 120_000, to: 300_000 },
        { standby: true },
      )
      expect(copied.value).toEqual(minutes.value)
    }
    await Promise.all(nodes.map(node => node.close()))
    await log.close()
  })

  it('read ranges of keys and times of all that is here, within a limit', async () => {
    const log = await countingLog(PARTITIONS)
    const nodes = await cluster(log)
    const here = await Promise.all(nodes.map(node => node.query.range('counts', { from: 'k1', to: 'k2' })))
    const keys = here.flat().flatMap(({ value }) => value.map(({ key }) => key))
    const wanted = Object.keys(expectedCounts(values)).filter(key => key >= 'k1' && key <= 'k2')
    expect(keys.sort()).toEqual(wanted.sort())
    const [node] = nodes
    const all = await node!.query.range('counts', { from: 'k1', to: 'k2' }, { standby: true })
    expect(all).toHaveLength(PARTITIONS)
    expect(all.flatMap(({ value }) => value.map(({ key }) => key)).sort()).toEqual(wanted)
    const limited = await node!.query.range('counts', {}, { standby: true, limit: 2 })
    expect(limited.map(({ value }) => value.length)).toEqual([2, 2, 2])
    const windows = await node!.query.allWindows('minutes', { from: 240_000, to: 240_000 }, { standby: true })
    expect(windows.flatMap(({ value }) => value)).toHaveLength(50)
    await Promise.all(nodes.map(each => each.close()))
    await log.close()
  })

  it('read no standby of a table that has its source for a changelog, which none follows', async () => {
    const log = memoryLog()
    await log.admin.createTopics(['rows', 'sums'].map(topic => ({ topic, partitions: 2 })))
    const serdes = { key: string, value: string }
    const topology = (): Graph => {
      const builder = new TopologyBuilder()
      const rows = builder.table('rows', { ...serdes, store: 'rows' })
      rows.toStream().groupByKey(serdes).count('sums')
      return builder.build({ optimize: 'all' })
    }
    const nodes = ['a', 'b'].map(
      clientId =>
        new StreamsNode({
          ...{ topology: topology(), applicationId: 'app', clientId, log, state: memoryBackend() },
          standbyReplicas: 1,
        }),
    )
    for (const node of nodes) {
      await node.start()
      node.run().catch(() => {})
    }
    const standbys = () => nodes.map(node => node.status().standbys.filter(({ lag }) => lag === 0).length)
    await expect.poll(standbys, { timeout: 10_000 }).toEqual([1, 1])
    const { query } = nodes[0]!
    expect(await query.range('sums', {}, { standby: true })).toHaveLength(2)
    expect(await query.range('rows', {}, { standby: true })).toHaveLength(1)
    await Promise.all(nodes.map(node => node.close()))
    await log.close()
  })

  it('refuse what makes no sense', async () => {
    const log = await countingLog(PARTITIONS)
    const nodes = await cluster(log)
    const { query } = nodes[0]!
    await expect(query.get('nothing', 'k1')).rejects.toMatchObject({ code: 'QUERY_STORE_UNKNOWN' })
    await expect(query.get('minutes', 'k1', { standby: true })).rejects.toMatchObject({
      code: 'QUERY_STORE_KIND',
    })
    await expect(query.windows('counts', 'k1', { from: 0, to: 1 }, { standby: true })).rejects.toMatchObject({
      code: 'QUERY_STORE_KIND',
    })
    expect(() => query.ownerOf('counts', 42)).toThrow(expect.objectContaining({ code: 'QUERY_KEY_INVALID' }))
    await expect(query.range('counts', { from: 42 })).rejects.toMatchObject({ code: 'QUERY_KEY_INVALID' })
    await expect(query.range('counts', {}, { limit: 0 })).rejects.toMatchObject({
      code: 'QUERY_LIMIT_INVALID',
    })
    await Promise.all(nodes.map(each => each.close()))
    await log.close()
  })
})
