import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { SensorReading } from '../../schemas/index.ts'
import type { RecordingEvent } from './event.ts'
import { rowReader } from './format.ts'
import { mergeByTime } from './merge.ts'

const blank = rowReader(
  '',
  () => 1e12,
  () => 1e12,
)(','.repeat(19)) as SensorReading
const reading = (deviceId: string, stamp: number): RecordingEvent => ({
  kind: 'reading',
  reading: { ...blank, deviceId, stamp },
})

/** `sizes`: how the events fall into chunks; empty ones occur. */
async function* source(events: readonly RecordingEvent[], sizes: readonly number[]) {
  let at = 0
  for (const size of sizes) {
    yield events.slice(at, at + size)
    at += size
  }
  yield events.slice(at)
}

async function all(chunks: AsyncIterable<readonly RecordingEvent[]>): Promise<RecordingEvent[]> {
  const events: RecordingEvent[] = []
  for await (const chunk of chunks) events.push(...chunk)
  return events
}

it('merges ordered sources by time, ties by source', async () => {
  const device = fc.record({
    stamps: fc.array(fc.integer({ min: 0, max: 30 })).map(stamps => stamps.sort((a, b) => a - b)),
    sizes: fc.array(fc.nat(4)),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(device, { maxLength: 6 }), async devices => {
      const merged = await all(
        mergeByTime(
          devices.map(({ stamps, sizes }, d) =>
            source(
              stamps.map(s => reading(`w${d}`, s)),
              sizes,
            ),
          ),
        ),
      )
      const expected = devices
        .flatMap(({ stamps }, d) => stamps.map(stamp => ({ stamp, d })))
        .sort((a, b) => a.stamp - b.stamp || a.d - b.d)
        .map(({ stamp, d }) => reading(`w${d}`, stamp))
      expect(merged).toEqual(expected)
    }),
  )
})

it('keeps a source in its own order, and what has no time behind the reading before it', async () => {
  const end = { kind: 'end', deviceId: 'a', stamp: 5 } as const
  const a = [reading('a', 5), reading('a', 2), end]
  const b = [reading('b', 1), reading('b', 3), reading('b', 6)]
  expect(await all(mergeByTime([source(a, [1]), source(b, [])]))).toEqual([b[0], b[1], a[0], a[1], end, b[2]])
})

it('closes its sources when it is stopped', async () => {
  const closed: number[] = []
  const endless = (id: number) =>
    (async function* () {
      try {
        for (let stamp = 0; ; stamp++) yield [reading(`w${id}`, stamp)]
      } finally {
        closed.push(id)
      }
    })()
  for await (const chunk of mergeByTime([endless(1), endless(2)])) if (chunk.length > 0) break
  expect(closed).toEqual([1, 2])
})
