import { describe, expect, it } from 'vitest'
import { KeyValueStore } from '../../state/index.ts'
import { long, type PunctuationType, string, TopologyBuilder } from '../index.ts'
import { memoryLog } from '../log/memory/memory-log.ts'
import { ManualTimers } from '../testing/manual-timers.ts'
import { type TestDriverOptions, TopologyTestDriver } from '../testing/test-driver.ts'

const numbers = { key: string, value: long }

/** Counts per key, forwarded with the time at each punctuation. */
function counting(type: PunctuationType, start?: number) {
  const builder = new TopologyBuilder()
  const counts = builder.store('counts', name => new KeyValueStore({ name, ...numbers }))
  builder
    .stream('in', numbers)
    .process('count', {
      ...numbers,
      stores: { counts },
      processor: ({ stores, forward, schedule }) => {
        schedule(
          1000,
          type,
          () => {
            for (const { key, value } of stores.counts.entries()) forward({ key, value })
          },
          { start },
        )
        return ({ key, timestamp }) => {
          if (key === null) return
          stores.counts.put(key, (stores.counts.get(key)?.value ?? 0) + 1, timestamp)
        }
      },
    })
    .to('out')
  return builder.build()
}

/** A step: a record's time, or how far the wall clock moves. */
type Step = { readonly at: number } | { readonly advance: number }

async function run(
  graph: ReturnType<TopologyBuilder['build']>,
  steps: readonly Step[],
  options: TestDriverOptions & { restartBefore?: number } = {},
) {
  const { restartBefore, ...driverOptions } = options
  const timers = new ManualTimers()
  const log = memoryLog({ now: () => timers.now() })
  let now = 0
  const start = () => TopologyTestDriver.start(graph, { ...driverOptions, log, now })
  let driver = await start()
  for (const [i, step] of steps.entries()) {
    if (i === restartBefore) {
      await driver.close()
      driver = await start()
    }
    if ('at' in step) await driver.pipe('in', { key: 'a', value: 1, timestamp: step.at })
    else {
      now += step.advance
      await driver.advanceWallClock(step.advance)
    }
  }
  await driver.commit()
  const out = await driver.read('out', { key: string, value: long })
  await driver.close()
  await log.close()
  return out.map(({ key, value, timestamp }) => [key, value, timestamp])
}

describe('punctuation', () => {
  const inStreamTime: readonly Step[] = [100, 900, 1000, 1999, 6500, 6999, 7000].map(at => ({ at }))
  const byWallClock: readonly Step[] = [
    { at: 5 },
    { advance: 999 },
    { advance: 1 },
    { at: 6 },
    { advance: 3500 },
    { advance: 400 },
    { advance: 100 },
  ]

  it('comes once for however far stream time jumps, at multiples of the interval', async () => {
    expect(await run(counting('streamTime'), inStreamTime)).toEqual([
      ['a', 1, 100],
      ['a', 3, 1000],
      ['a', 5, 6500],
      ['a', 7, 7000],
    ])
  })

  it('follows the wall clock only as it moves', async () => {
    expect(await run(counting('wallClock'), byWallClock)).toEqual([
      ['a', 1, 1000],
      ['a', 2, 4500],
      ['a', 2, 5000],
    ])
  })

  it('begins at its start, or at the next multiple if that is past', async () => {
    expect(await run(counting('streamTime', 950), inStreamTime.slice(0, 4))).toEqual([
      ['a', 3, 1000],
      ['a', 4, 1999],
    ])
    const options = { now: 2300 }
    const log = memoryLog()
    const driver = await TopologyTestDriver.start(counting('wallClock', 300), { ...options, log })
    await driver.pipe('in', { key: 'a', value: 1, timestamp: 0 })
    await driver.advanceWallClock(999)
    expect(await driver.read('out', numbers)).toEqual([])
    await driver.advanceWallClock(1)
    expect((await driver.read('out', numbers)).map(record => record.timestamp)).toEqual([3300])
    await driver.close()
    await log.close()
  })

  it.each([
    ['streamTime', inStreamTime],
    ['wallClock', byWallClock],
  ] as const)('goes on after a restart as if there had been none, by %s', async (type, steps) => {
    const expected = await run(counting(type), steps)
    for (let i = 0; i < steps.length; i++) {
      expect(await run(counting(type), steps, { restartBefore: i }), `before ${i}`).toEqual(expected)
    }
    expect(await run(counting(type), steps, { restartBefore: 3, commitEvery: 3, seed: 1 })).toEqual(expected)
  })

  it('stays cancelled after a restart', async () => {
    const builder = new TopologyBuilder()
    builder
      .stream('in', numbers)
      .process('tick', {
        ...numbers,
        processor: ({ forward, schedule }) => {
          const cancel = schedule('1 s', 'streamTime', time => {
            forward({ key: 'tick', value: time })
            cancel()
          })
          return () => {}
        },
      })
      .to('out')
    const graph = builder.build()
    expect(await run(graph, inStreamTime, { restartBefore: 3 })).toEqual([['tick', 100, 100]])
  })
})

describe('a punctuation scheduled later', () => {
  /** Tells each key, every 1000 ms, once it was seen; a key is seen no more with the value 0. */
  function timers(name: ((key: string) => string) | undefined) {
    const builder = new TopologyBuilder()
    builder
      .stream('in', numbers)
      .process<string, number>('watch', {
        ...numbers,
        processor: ({ forward, schedule }) => {
          const running = new Map<string, () => void>()
          return ({ key, value }) => {
            if (key === null) return
            const stop = running.get(key)
            if (value === 0) {
              stop?.()
              running.delete(key)
            } else if (stop === undefined) {
              const options = { name: name?.(key) }
              running.set(
                key,
                schedule(1000, 'streamTime', time => forward({ key, value: time }), options),
              )
            }
          }
        },
      })
      .to('out')
    return builder.build()
  }

  async function times(graph: ReturnType<TopologyBuilder['build']>, restartBefore?: number) {
    const driver = await TopologyTestDriver.start(graph)
    const steps = [
      ['a', 1, 600],
      ['a', 1, 1400],
      ['a', 1, 1600],
      ['b', 1, 1700],
      ['a', 0, 1800],
      ['a', 1, 1900],
      ['a', 1, 2600],
    ] as const
    for (const [i, [key, value, timestamp]] of steps.entries()) {
      if (i === restartBefore) await driver.restart()
      await driver.pipe('in', { key, value, timestamp })
    }
    const out = await driver.read('out', numbers)
    await driver.close()
    return out.map(({ key, value }) => [key, value])
  }

  it('goes on after a restart if it has a name, when it is scheduled again', async () => {
    const expected = [
      ['a', 600],
      ['a', 1400],
      ['b', 1700],
      ['a', 1900],
      ['b', 2600],
      ['a', 2600],
    ]
    const named = timers(key => key)
    expect(await times(named)).toEqual(expected)
    // Later ones leave the processor without what it knew of `a` and `b`.
    for (const i of [1, 2]) expect(await times(named, i), `before ${i}`).toEqual(expected)
    expect(await times(timers(undefined), 2)).toContainEqual(['a', 1600])
  })

  it('begins anew if it has none, or was cancelled', async () => {
    expect(
      await times(
        timers(key => key),
        5,
      ),
    ).toEqual([
      ['a', 600],
      ['a', 1400],
      ['b', 1700],
      ['a', 1900],
      ['a', 2600],
    ])
    const builder = new TopologyBuilder()
    const begun: number[] = []
    builder.stream('in', numbers).process('late', {
      processor: ({ schedule }) => {
        let isScheduled = false
        return ({ value }) => {
          if (isScheduled) return
          isScheduled = true
          schedule(1000, 'wallClock', time => begun.push(time), { name: value === 1 ? 'named' : undefined })
        }
      },
    })
    for (const [value, due] of [
      [1, 1000],
      [2, 1900],
    ] as const) {
      begun.length = 0
      const driver = await TopologyTestDriver.start(builder.build())
      await driver.pipe('in', { key: 'a', value, timestamp: 0 })
      await driver.advanceWallClock(900)
      await driver.restart()
      await driver.pipe('in', { key: 'a', value, timestamp: 1 })
      for (let i = 0; i < 20 && begun.length === 0; i++) await driver.advanceWallClock(100)
      expect(begun).toEqual([due])
      await driver.close()
    }
  })

  it('is not cancelled by who cancels an earlier one of its name twice', async () => {
    const builder = new TopologyBuilder()
    const times: number[] = []
    builder.stream('in', numbers).process('again', {
      processor: ({ schedule }) => {
        let isScheduled = false
        return ({ value }) => {
          if (isScheduled) return
          isScheduled = true
          const options = { name: 'n' }
          const earlier = value === 1 ? schedule(1000, 'wallClock', () => {}, options) : undefined
          earlier?.()
          schedule(1000, 'wallClock', time => times.push(time), options)
          earlier?.()
        }
      },
    })
    const driver = await TopologyTestDriver.start(builder.build())
    await driver.pipe('in', { key: 'a', value: 1, timestamp: 0 })
    await driver.advanceWallClock(900)
    await driver.restart()
    await driver.pipe('in', { key: 'a', value: 2, timestamp: 1 })
    await driver.advanceWallClock(100)
    expect(times).toEqual([1000])
    await driver.close()
  })

  it('takes the name of one that was scheduled at the start and cancelled', async () => {
    const builder = new TopologyBuilder()
    const times: number[] = []
    builder.stream('in', numbers).process('again', {
      processor: ({ schedule }) => {
        schedule(1000, 'streamTime', () => {}, { name: 'n' })()
        let isScheduled = false
        return ({ timestamp }) => {
          // The cancellation is committed by then.
          if (isScheduled || timestamp < 700) return
          schedule(1000, 'streamTime', time => times.push(time), { start: 500, name: 'n' })
          isScheduled = true
        }
      },
    })
    const driver = await TopologyTestDriver.start(builder.build())
    for (const timestamp of [100, 700, 1600]) await driver.pipe('in', { key: 'a', value: 1, timestamp })
    expect(times).toEqual([1600])
    await driver.close()
  })

  it('has a name for itself', async () => {
    const builder = new TopologyBuilder()
    builder.stream('in', numbers).process('twice', {
      processor: ({ schedule }) => {
        schedule(1000, 'streamTime', () => {}, { name: 'n' })
        return () => schedule(1000, 'streamTime', () => {}, { name: 'n' })
      },
    })
    const driver = await TopologyTestDriver.start(builder.build())
    const failed = await driver.pipe('in', { key: 'a', value: 1, timestamp: 5 }).catch(error => error.cause)
    expect(failed).toMatchObject({ code: 'PUNCTUATION_INVALID', message: 'twice: n is scheduled already' })
    await driver.close()
  })
})

describe('partition time', () => {
  it('is what it was, after a restart', async () => {
    const builder = new TopologyBuilder()
    builder
      .stream('in', {
        ...numbers,
        timestamp: { extract: (_, record, partitionTime) => Math.max(record.timestamp, partitionTime) },
      })
      .to('out')
    const graph = builder.build()
    const steps: readonly Step[] = [5, 100, 7, 101].map(at => ({ at }))
    const expected = [5, 100, 100, 101].map(timestamp => ['a', 1, timestamp])
    expect(await run(graph, steps)).toEqual(expected)
    expect(await run(graph, steps, { restartBefore: 2 })).toEqual(expected)
  })
})
