import { expect, it, describe as suite } from 'vitest'
import {
  deadLetterHeaders,
  deadLetterTopic,
  type RecordFailure,
  string,
  TopologyBuilder,
  tumbling,
} from '../index.ts'
import { bytes } from '../serde.ts'
import { TopologyTestDriver } from '../testing/test-driver.ts'

const text = { key: string, value: string }

/** Per key and tumbling window of 10 ms, closed for all keys by the newest record of any. `bad` keys fail at the close. */
const closing: Readonly<Record<string, (builder: TopologyBuilder, check: (key: string) => string) => void>> =
  {
    collect(builder, check) {
      builder
        .stream('in', text)
        .mapValues(value => ({ n: value?.length ?? 0 }))
        .groupByKey()
        .window('samples', tumbling({ size: 10, grace: 0 }))
        .collect(['n'])
        .mapWindows('closed', (samples, { key }) => `${check(key)}:${samples.count}`)
        .to('closed', { value: string })
    },
    count(builder, check) {
      builder
        .stream('in', text)
        .groupByKey()
        .window('counts', tumbling({ size: 10, grace: 0 }))
        .count({ emit: 'close' })
        .toStream()
        .map((count, { key }) => [key, `${check(key)}:${count}`], { key: string })
        .to('closed', { value: string })
    },
  }

suite('a window that fails when it closes', () => {
  const check = (key: string): string => {
    if (key.startsWith('bad')) throw new TypeError(`${key} is refused`)
    return key
  }

  it.each(
    Object.keys(closing).flatMap(
      how =>
        [
          ['deadLetter', how],
          ['skip', how],
        ] as const,
    ),
  )(
    'is passed over alone when the answer is %s: the record that closes it goes on (%s)',
    async (answer, how) => {
      const builder = new TopologyBuilder()
      closing[how]!(builder, check)
      const asked: RecordFailure[] = []
      const driver = await TopologyTestDriver.start(builder.build(), {
        commitEvery: Number.POSITIVE_INFINITY,
        onFailure: {
          process: failure => {
            asked.push(failure)
            return answer
          },
        },
      })
      for (const [key, timestamp] of [
        ['a', 1],
        ['bad 1', 2],
        ['b', 3],
        ['bad 2', 4],
        ['a', 12],
        ['b', 25],
      ] as const)
        await driver.pipe('in', { key, value: key, timestamp })
      await driver.commit()
      const closed = await driver.read('closed', text)
      // All windows but the bad ones, and that of the record that closed them.
      expect(closed.map(({ value }) => value)).toEqual(['a:1', 'b:1', 'a:1'])
      expect(asked.map(({ window }) => String(window?.key))).toEqual(['bad 1', 'bad 2'])
      expect(asked[0]).toMatchObject({
        stage: 'process',
        record: { topic: 'in', offset: 4 },
        window: { start: 0, end: 10 },
      })
      const letters = await driver.read(deadLetterTopic('test'), { key: string, value: bytes })
      expect(letters.map(({ key, value }) => [key, value])).toEqual(
        answer === 'skip'
          ? []
          : [
              ['bad 1', null],
              ['bad 2', null],
            ],
      )
      if (answer === 'deadLetter')
        expect(String(letters[0]?.headers.find(([name]) => name === deadLetterHeaders.window)?.[1])).toMatch(
          / 0 10$/,
        )
      await driver.close()
    },
  )

  it('is named where the node ends because of it', async () => {
    const builder = new TopologyBuilder()
    closing.count!(builder, check)
    const driver = await TopologyTestDriver.start(builder.build(), {})
    await driver.pipe('in', { key: 'bad', value: 'x', timestamp: 1 })
    await expect(driver.pipe('in', { key: 'a', value: 'x', timestamp: 11 })).rejects.toMatchObject({
      code: 'PROCESSING_FAILED',
      message: expect.stringContaining('the window of bad from 0 to 10 of counts, closed by in/0 at 1'),
    })
  })

  it('ends the node where windows fail again and again without a record between', async () => {
    const builder = new TopologyBuilder()
    closing.count!(builder, check)
    const driver = await TopologyTestDriver.start(builder.build(), { onFailure: { process: () => 'skip' } })
    for (let i = 0; i < 150; i++) await driver.pipe('in', { key: `bad ${i}`, value: 'x', timestamp: 1 })
    const close = async (): Promise<void> => {
      await driver.pipe('in', { key: 'a', value: 'x', timestamp: 11 })
      // The driver takes it for done while the task begins again and again.
      for (let i = 0; i < 100; i++) await driver.commit()
    }
    await expect(close()).rejects.toMatchObject({
      code: 'PROCESSING_FAILED',
      message: expect.stringContaining('100 records in a row failed'),
    })
  })
})
