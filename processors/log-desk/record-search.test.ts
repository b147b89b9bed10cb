import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  type Log,
  memoryLog,
  type Producer,
  type ProducerRecord,
  systemTimers,
} from '../../topology/index.ts'
import {
  type RecordQuery,
  type SearchOptions,
  type SearchResult,
  searchBounds,
  searchRecords,
} from './record-search.ts'

const topic = 'things'
let log: Log
let producer: Producer

beforeEach(async () => {
  log = memoryLog()
  await log.admin.createTopics([{ topic, partitions: 2 }])
  producer = await log.producer({ clientId: 'writer', transactionalId: 'writer' })
  await producer.init()
})
afterEach(() => log.close())

const record = (value: string, more: Partial<ProducerRecord> = {}): ProducerRecord => ({
  topic,
  partition: 0,
  key: Buffer.from(`key ${value}`),
  value: Buffer.from(value),
  timestamp: 1_000,
  ...more,
})

async function write(commit: boolean, ...records: readonly ProducerRecord[]): Promise<void> {
  producer.begin()
  await producer.send(records)
  if (commit) await producer.commit()
  else await producer.abort()
}

async function search(
  query: Partial<RecordQuery> & Pick<RecordQuery, 'from'>,
  bounds: Partial<typeof searchBounds> = {},
  partitions?: SearchOptions['partitions'],
): Promise<SearchResult> {
  const [state] = await log.admin.topicStates([topic])
  return await searchRecords(
    { limit: 50, ...query },
    {
      ...{ log, topic, clientId: 'search', timers: systemTimers, bounds: { ...searchBounds, ...bounds } },
      partitions: partitions ?? state!.partitions,
    },
  )
}

const values = ({ records }: SearchResult): (string | undefined)[] =>
  records.map(({ value }) => value?.bytes.toString())

/** Numbers as values, ten to a transaction, in both partitions; the timestamp is the number. */
async function writeNumbers(count: number): Promise<void> {
  for (let first = 0; first < count; first += 10) {
    const numbers = Array.from({ length: Math.min(10, count - first) }, (_, i) => first + i)
    await write(
      true,
      ...numbers.map(n =>
        record(String(n), { partition: n % 2, timestamp: n, key: Buffer.from(String(n % 7)) }),
      ),
    )
  }
}

test('the newest come first, across transactions and partitions', async () => {
  await writeNumbers(100)
  const found = await search({ from: { at: 'newest' }, limit: 5 })
  expect(values(found)).toEqual(['99', '98', '97', '96', '95'])
  expect(found.ended).toBe('limit')
  // With the marker of each transaction.
  expect(found.looked.map(({ to, end }) => [to, end])).toEqual([
    [60, 60],
    [60, 60],
  ])
  expect((await search({ from: { at: 'newest' }, limit: 200 })).records).toHaveLength(100)
})

test('what was aborted is not shown, nor what is still open', async () => {
  await write(true, record('a'))
  await write(false, record('aborted'))
  await write(true, record('b'))
  producer.begin()
  await producer.send([record('open')])
  for (const at of ['oldest', 'newest'] as const) {
    const found = await search({ from: { at } })
    expect(values(found).toSorted()).toEqual(['a', 'b'])
    expect(found.ended).toBe('end')
  }
})

test('forward from an offset, and on from where a search ended', async () => {
  await writeNumbers(40)
  const first = await search({ partition: 1, from: { offset: 2 }, limit: 4 })
  expect(values(first)).toEqual(['5', '7', '9', '11'])
  expect(first.ended).toBe('limit')
  const [{ from, to }] = first.looked as [SearchResult['looked'][0]]
  expect(from).toBe(2)
  const rest = await search({ partition: 1, from: { positions: new Map([[1, to]]) } })
  expect(values(rest)).toEqual([
    '13',
    '15',
    '17',
    '19',
    '21',
    '23',
    '25',
    '27',
    '29',
    '31',
    '33',
    '35',
    '37',
    '39',
  ])
  expect(rest.ended).toBe('end')
  const again = await search({ partition: 1, from: { positions: new Map([[1, rest.looked[0]!.to]]) } })
  expect(again).toMatchObject({ records: [], ended: 'end' })
  await write(true, record('new', { partition: 1 }))
  const positions = new Map([[1, again.looked[0]!.to]])
  expect(values(await search({ from: { positions } }))).toEqual(['new'])
})

test('forward from a time', async () => {
  await writeNumbers(40)
  expect(values(await search({ from: { time: 36 } })).toSorted()).toEqual(['36', '37', '38', '39'])
  expect(await search({ from: { time: 40 } })).toMatchObject({ records: [], ended: 'end' })
})

test('by key, forward and from the end', async () => {
  await writeNumbers(100)
  const key = Buffer.from('3')
  const all = ['3', '10', '17', '24', '31', '38', '45', '52', '59', '66', '73', '80', '87', '94']
  const forward = values(await search({ from: { at: 'oldest' }, key }))
  expect(forward.toSorted((a, b) => Number(a) - Number(b))).toEqual(all)
  expect(values(await search({ from: { at: 'newest' }, key, limit: 3 }))).toEqual(['94', '87', '80'])
  expect(await search({ from: { at: 'newest' }, key: Buffer.from('none') })).toMatchObject({
    records: [],
    ended: 'end',
    scanned: { records: 100 },
  })
})

test('a search has bounds, and says how far it came', async () => {
  await writeNumbers(100)
  const few = await search({ from: { at: 'oldest' }, key: Buffer.from('none') }, { records: 30 })
  expect(few).toMatchObject({ records: [], ended: 'records', scanned: { records: 30 } })
  expect(few.looked.reduce((sum, { from, to }) => sum + to - from, 0)).toBeGreaterThanOrEqual(30)
  expect(few.looked.some(({ to, end }) => to < end)).toBe(true)
  expect(await search({ from: { at: 'oldest' } }, { bytes: 10 })).toMatchObject({ ended: 'bytes' })
  expect((await search({ from: { at: 'oldest' } }, { found: 10 })).ended).toBe('found')
  const late = await search({ from: { at: 'oldest' }, key: Buffer.from('none') }, { milliseconds: 0 })
  expect(late.ended === 'milliseconds' || late.ended === 'end').toBe(true)
  // Backward the newest are kept, and what was not looked at as a whole is not claimed.
  expect(values(await search({ from: { at: 'newest' } }, { found: 8 }))[0]).toBe('99')
  const back = await search({ from: { at: 'newest' }, limit: 20 }, { records: 15 })
  expect(back.looked.every(({ from, end }) => from === end)).toBe(true)
})

test('large values are cut, and deletions and headers kept', async () => {
  await write(
    true,
    record('x', { value: Buffer.alloc(100_000, 'x') }),
    record('gone', { value: null, headers: [['why', Buffer.from('test')]] }),
  )
  const [large, gone] = (await search({ from: { at: 'oldest' } })).records
  expect(large!.value).toMatchObject({ size: 100_000 })
  expect(large!.value!.bytes).toHaveLength(65_536)
  expect(gone).toMatchObject({ value: null, headers: [['why', { size: 4 }]] })
})

test('what is not there is refused by name', async () => {
  await writeNumbers(10)
  await expect(search({ from: { offset: 1_000 } })).rejects.toMatchObject({
    code: 'RECORDS_OFFSET_BEYOND',
    message: 'there is no offset 1000 of things: partitions end here: 0 at 6, 1 at 6',
  })
  await expect(search({ partition: 7, from: { at: 'newest' } })).rejects.toMatchObject({
    code: 'RECORDS_PARTITION_UNKNOWN',
  })
  await log.admin.deleteRecords([{ topic, partition: 0, position: 3 }])
  const found = await search({ partition: 0, from: { offset: 0 } })
  // From where it still is.
  expect(found.looked[0]!.from).toBeGreaterThan(0)
})

test('a partition that nobody answers for does not hide the others', async () => {
  await writeNumbers(10)
  const partitions = [
    { partition: 0, start: undefined, end: undefined },
    { partition: 1, start: 0, end: 6 },
  ]
  const found = await search({ from: { at: 'oldest' } }, {}, partitions)
  expect(values(found)).toEqual(['1', '3', '5', '7', '9'])
  expect(found).toMatchObject({ missing: [0], looked: [{ partition: 1 }], ended: 'end' })
  await expect(search({ partition: 0, from: { at: 'newest' } }, {}, partitions)).rejects.toMatchObject({
    code: 'RECORDS_PARTITION_MISSING',
  })
})
