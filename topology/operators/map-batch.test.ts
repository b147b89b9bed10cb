import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TickerError } from '../errors.ts'
import type { MapBatchNode } from '../nodes/streams.ts'
import { ManualTimers } from '../testing/manual-timers.ts'
import { mapBatch } from './map-batch.ts'
import { OutputPort } from './operator.ts'

/** A call that the test answers. */
interface Call {
  readonly values: readonly unknown[]
  answer(): void
  reject(error: Error): void
}

function operator(options: Partial<MapBatchNode> = {}) {
  const timers = new ManualTimers()
  const calls: Call[] = []
  const results: unknown[] = []
  const out = new OutputPort('batch', 'out')
  out.connect({ process: record => void results.push(record.value) }, 'after')
  const node: MapBatchNode = {
    kind: 'mapBatch',
    name: 'batch',
    inputs: [],
    maxBatch: 2,
    maxInFlight: 1,
    timeout: 1000,
    attempts: 1,
    backOff: 100,
    recorded: undefined,
    mapper: values =>
      new Promise((resolve, reject) => {
        calls.push({ values, answer: () => resolve(values.map(value => `${value}!`)), reject })
      }),
    ...options,
  }
  const batch = mapBatch(node, { out, timers, recorded: () => undefined })
  const give = (...values: unknown[]): void => {
    for (const value of values) batch.process({ key: 'k', value, timestamp: 0, headers: [] })
  }
  return { batch, calls, results, timers, give }
}

/** Lets everything that is ready go on. */
const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

const codeOf = (error: unknown): unknown => (error instanceof TickerError ? error.code : error)

describe('mapBatch', () => {
  it('tells everyone who waits that a call has failed', async () => {
    const { batch, calls, give } = operator()
    give(1, 2, 3, 4)
    const waiting = [batch.relieve(), batch.drain()].map(each => each.catch(codeOf))
    calls[0]!.reject(new Error('no answer'))
    expect(await Promise.all(waiting)).toEqual(['BATCH_FAILED', 'BATCH_FAILED'])
    expect(() => batch.handOn()).toThrow('no answer')
  })

  it('calls for a full batch at once, and for the rest when it is drained', async () => {
    const { batch, calls, results, give } = operator()
    give(1, null, 2, 3)
    expect(calls.map(call => call.values)).toEqual([[1, 2]])
    const drained = batch.drain()
    calls[0]!.answer()
    await settle()
    expect(calls.map(call => call.values)).toEqual([[1, 2], [3]])
    calls[1]!.answer()
    await drained
    expect(results).toEqual(['1!', '2!', '3!'])
    expect(batch.pending).toBe(0)
  })

  it('begins a smaller batch when nothing more comes for now, unless a call is under way', async () => {
    const { batch, calls, results, give } = operator({ maxBatch: 3 })
    batch.begin()
    give(1)
    batch.begin()
    give(2)
    batch.begin()
    expect(calls.map(call => call.values)).toEqual([[1]])
    calls[0]!.answer()
    await settle()
    batch.handOn()
    batch.begin()
    expect(calls.map(call => call.values)).toEqual([[1], [2]])
    expect(results).toEqual(['1!'])
  })

  it('is full while every call is under way and the next batch is there', async () => {
    const { batch, calls, results, give } = operator({ maxInFlight: 2 })
    give(1, 2, 3, 4, 5)
    expect([calls.length, batch.full]).toEqual([2, false])
    give(6)
    expect([calls.length, batch.full]).toEqual([2, true])
    const relieved = batch.relieve()
    calls[0]!.answer()
    await relieved
    expect(results).toEqual(['1!', '2!'])
    expect([calls.length, batch.full]).toEqual([3, false])
  })

  it('hands results on in the order of the records, in whatever order the calls answer', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        async (maxInFlight, maxBatch, order) => {
          const { batch, calls, results, give } = operator({ maxInFlight, maxBatch })
          const values = Array.from({ length: 20 }, (_, i) => i)
          const open: Call[] = []
          const answerOne = (): void => {
            open.push(...calls.splice(0))
            expect(open.length).toBeLessThanOrEqual(maxInFlight)
            open.splice((order.pop() ?? 0) % open.length, 1)[0]?.answer()
          }
          for (const value of values) {
            give(value)
            while (batch.full) {
              answerOne()
              await settle()
              batch.handOn()
            }
          }
          let drained = false
          const draining = batch.drain().then(() => {
            drained = true
          })
          while (!drained) {
            if (open.length + calls.length > 0) answerOne()
            await settle()
          }
          await draining
          expect(results).toEqual(values.map(value => `${value}!`))
        },
      ),
      { numRuns: 50 },
    )
  })

  it('makes a call that rejects or is too slow again, after pauses that double', async () => {
    const { batch, calls, results, timers, give } = operator({ attempts: 3 })
    give(1, 2)
    const drained = batch.drain()
    calls[0]!.reject(new Error('busy'))
    await settle()
    timers.advance(99)
    await settle()
    expect(calls).toHaveLength(1)
    timers.advance(1)
    await settle()
    expect(calls).toHaveLength(2)
    timers.advance(1000)
    await settle()
    timers.advance(199)
    await settle()
    expect(calls).toHaveLength(2)
    timers.advance(1)
    await settle()
    expect(calls).toHaveLength(3)
    calls[2]!.answer()
    await drained
    expect(results).toEqual(['1!', '2!'])
  })

  it('fails where results would be handed on, with the reason, when the last attempt fails', async () => {
    const busy = operator()
    busy.give(1, 2)
    busy.calls[0]!.reject(new Error('busy'))
    await settle()
    expect(() => busy.batch.handOn()).toThrow(expect.objectContaining({ code: 'BATCH_FAILED' }))

    const slow = operator()
    slow.give(1, 2)
    const relieved = slow.batch.relieve().catch(codeOf)
    slow.timers.advance(1000)
    expect(await relieved).toBe('BATCH_TIMED_OUT')

    const short = operator({ mapper: async () => [], attempts: 5 })
    short.give(1, 2)
    expect(await short.batch.drain().catch(codeOf)).toBe('BATCH_RESULTS_MISCOUNTED')
  })

  it('takes an error thrown at once for a rejection', async () => {
    const mapper = (): never => {
      throw new Error('at once')
    }
    const { batch, give } = operator({ mapper })
    give(1, 2)
    expect(await batch.drain().catch(codeOf)).toBe('BATCH_FAILED')
  })

  it('calls no more once it is closed', async () => {
    const { batch, calls, timers, give } = operator({ attempts: 3 })
    give(1, 2)
    calls[0]!.reject(new Error('busy'))
    await settle()
    batch.close()
    timers.advance(10_000)
    await settle()
    expect(calls).toHaveLength(1)
  })
})
