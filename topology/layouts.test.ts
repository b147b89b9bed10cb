import { expect, it, describe as suite } from 'vitest'
import { KeyValueStore } from '../state/index.ts'
import { countingLog, inputs, write } from './testing/counting-node.ts'
import {
  exactOutputs,
  outputsOf,
  RollingCluster,
  rollForthAndBack,
  type Seen,
  seen,
  version1,
  version2,
} from './testing/rolling.ts'

const PARTITIONS = 4

suite('two nodes', () => {
  it('are rolled to the next version and back under load; outputs are exact', async () => {
    const cluster = new RollingCluster(await countingLog(PARTITIONS))
    const { log } = cluster
    const written = await rollForthAndBack(cluster, PARTITIONS)
    expect(await outputsOf(log)).toEqual(exactOutputs(inputs(written)))
    // Alone it stands still, and says so; and goes on as soon as a newer one is there again.
    await cluster.stop('b')
    await write(log, inputs(50, written), PARTITIONS)
    await cluster.roll('b', version2())
    await expect.poll(() => cluster.tasks('b'), { timeout: 20_000 }).toBe(PARTITIONS)
    await cluster.settled()
    expect(await outputsOf(log)).toEqual(exactOutputs(inputs(written + 50)))
    await cluster.stop('a')
    await cluster.stop('b')
    await log.close()
  })
})

suite('a store', () => {
  it('holds values of both layouts, each rewritten when it changes', async () => {
    const cluster = new RollingCluster(await countingLog())
    await cluster.roll('a', version1())
    await write(cluster.log, inputs(50))
    await cluster.settled()
    await cluster.roll('a', version2())
    await write(cluster.log, inputs(10))
    await cluster.settled()
    await cluster.roll('a', version2())
    await expect.poll(() => cluster.tasks('a')).toBe(1)
    const [counts] = cluster.node('a').stores('counts')
    const entries = counts?.store instanceof KeyValueStore ? [...counts.store.entries()] : []
    const byNewer = entries.filter(({ value }) => (value as Seen).byNewer).map(({ key }) => key)
    expect(entries).toHaveLength(50)
    expect(byNewer.sort()).toEqual(
      inputs(10)
        .map(({ key }) => key)
        .sort(),
    )
    await cluster.stop('a')
    await cluster.log.close()
  })

  it.each([
    ['also from its local state', false],
    ['also from its changelog alone', true],
  ])('whose layout cannot be read is refused, with what to do, %s', async (_, alone) => {
    const log = await countingLog()
    const first = new RollingCluster(log)
    await first.roll('a', version1())
    await write(log, inputs(50))
    await first.settled()
    await first.stop('a')
    const cluster = alone ? new RollingCluster(log) : first
    await cluster.roll('a', version2(seen))
    await expect(cluster.node('a').run()).rejects.toMatchObject({
      code: 'STATE_INCOMPATIBLE',
      message: expect.stringMatching(
        /^store \w+ of task 0_0 was written as .*:string:long; this version of the application reads .*:string:seen$/,
      ),
    })
    await log.close()
  })
})
