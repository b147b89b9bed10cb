import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../state/index.ts'
import { type Log, StreamsNode, systemTimers } from './index.ts'
import { further, reflectedHeader, reflectedIn } from './reflected.ts'
import { counting, countingLog, expectedCounts, inputs, run } from './testing/counting-node.ts'

/** The log, but for the answers about the group's positions. */
function answering(log: Log, stablePositions: Log['admin']['stablePositions']): Log {
  return {
    ...log,
    admin: Object.assign(Object.create(log.admin), { stablePositions }),
    consumer: options => log.consumer(options),
    reader: options => log.reader(options),
    producer: options => log.producer(options),
    close: () => log.close(),
  }
}

describe('positions beside the state', () => {
  it('are asked for again where they are behind it', async () => {
    const log = await countingLog()
    const state = memoryBackend()
    await run({ log, state, values: inputs(200) })
    let written = 200
    for (const local of [state, memoryBackend()]) {
      let asked = 0
      const mistaken = answering(log, async (group, partitions) => {
        const answer = await log.admin.stablePositions(group, partitions)
        return asked++ < 2 ? answer.map(each => ({ ...each, position: 3 })) : answer
      })
      const { counts } = await run({ log: mistaken, state: local, values: inputs(10, written) })
      written += 10
      expect(asked).toBe(3)
      expect(counts).toEqual(expectedCounts(inputs(written)))
    }
    await log.close()
  })

  it('end the node where they stay behind it, and where there are none', async () => {
    const log = await countingLog()
    const state = memoryBackend()
    await run({ log, state, values: inputs(20) })
    const lost = answering(log, async () => [])
    const timers = { ...systemTimers, after: (_: number, then: () => void) => systemTimers.after(0, then) }
    const node = new StreamsNode({ topology: counting(), applicationId: 'app', log: lost, state, timers })
    await node.start()
    await expect(node.run()).rejects.toMatchObject({ code: 'POSITIONS_LOST' })
    await node.close()
    await log.close()
  })

  it('are read from the header that a commit writes', () => {
    const header = reflectedHeader([{ topic: 'a', partition: 1, position: 7 }])
    expect(reflectedIn([['layouts', Buffer.from('[]')], header])).toEqual({ a: 7 })
    expect(reflectedIn([])).toBeUndefined()
    expect(further({ a: 7, b: 1 }, { a: 5, b: 2, c: 0 })).toEqual({ a: 7, b: 2, c: 0 })
  })
})
