import { describe, expect, it } from 'vitest'
import { KeyValueStore, memoryBackend } from '../state/index.ts'
import { decodeHeaders, encodeHeaders } from './headers.ts'
import { type Log, long, StreamsNode, string, systemTimers } from './index.ts'
import { checkHeader } from './layouts.ts'
import { decodeDecision } from './recorded.ts'
import { further, reflectedHeader, reflectedIn } from './reflected.ts'
import { loadFrom } from './restore.ts'
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

describe('what a changelog says of itself', () => {
  const header = (text: string) => [['inputs', Buffer.from(text)] as const]

  it('is refused where it is not what was written', () => {
    expect(reflectedIn([reflectedHeader([{ topic: 't', partition: 0, position: 3 }])])).toEqual({ t: 3 })
    expect(reflectedIn([])).toBeUndefined()
    for (const text of ['', '{"t":3', '[]', '{"t":-1}', '{"t":"3"}'])
      expect(() => reflectedIn(header(text))).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT' }))
    const store = new KeyValueStore({ name: 's', key: string, value: string })
    for (const text of ['', '["a', '{}', '[1]'])
      expect(() => checkHeader(store, [['layouts', Buffer.from(text)]], '0_0')).toThrow(
        expect.objectContaining({ code: 'LOG_CORRUPT', message: expect.stringContaining('of s is not') }),
      )
    for (const text of ['', '{"from":3,"value":""}', '{"from":[],"value":"?"}'])
      expect(() => decodeDecision(Buffer.from(text))).toThrow(
        expect.objectContaining({ code: 'LOG_CORRUPT' }),
      )
  })

  it('names the entry of a store that cannot be decoded', async () => {
    const store = new KeyValueStore({ name: 's', key: string, value: long })
    const entry = { key: Buffer.from('k'), value: Buffer.alloc(5) }
    await expect(
      loadFrom(store, [entry], 0, { onNotice: () => {}, timers: systemTimers }),
    ).rejects.toMatchObject({
      code: 'STATE_INCOMPATIBLE',
      message: expect.stringContaining('the entry 6b of store s cannot be decoded'),
    })
  })

  it('has all of each header that a store keeps', () => {
    const bytes = encodeHeaders([['name', Buffer.from('value')]])
    expect(() => decodeHeaders(bytes.subarray(0, -1))).toThrow(RangeError)
  })
})

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
