import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TickerError } from '../errors.ts'
import {
  type EncodableRecord,
  encodeRecords,
  type RecordBatch,
  RecordCursor,
  splitRecords,
} from './record-batch.ts'

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map(part => Buffer.from(part))

const records = fc.array(
  fc.record({
    key: fc.option(bytes(20)),
    value: fc.option(fc.oneof({ weight: 9, arbitrary: bytes(40) }, { weight: 1, arbitrary: bytes(20_000) })),
    timestamp: fc.oneof(fc.integer({ min: 0, max: 2 ** 42 }), fc.constantFrom(0, 2 ** 31, 2 ** 32, 2 ** 51)),
    headers: fc.array(fc.tuple(fc.string({ unit: 'binary', maxLength: 10 }), bytes(10)), { maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 30 },
)

function batchOf(list: readonly EncodableRecord[], more: Partial<RecordBatch> = {}): RecordBatch {
  const baseTimestamp = more.baseTimestamp ?? list[0]!.timestamp
  return {
    topic: 'topic',
    partition: 3,
    baseOffset: 1_000,
    lastOffset: 1_000 + list.length - 1,
    count: list.length,
    baseTimestamp,
    maxTimestamp: Math.max(...list.map(each => each.timestamp)),
    logAppendTime: false,
    bytes: encodeRecords(list, baseTimestamp),
    ...more,
  }
}

function walk(batch: RecordBatch, from = 0): (EncodableRecord & { offset: number })[] {
  const cursor = new RecordCursor().reset(batch, from)
  const found: (EncodableRecord & { offset: number })[] = []
  while (cursor.next()) {
    const { offset, timestamp, key, value } = cursor
    const headers = cursor.headers()
    expect(cursor.hasHeaders()).toBe(headers.length > 0)
    found.push({ offset, timestamp, key, value, headers })
  }
  return found
}

describe('a batch', () => {
  test('gives back the records written, from any position on', () => {
    fc.assert(
      fc.property(records, fc.nat(40), (list, from) => {
        const expected = list.map((each, i) => ({ ...each, offset: 1_000 + i }))
        expect(walk(batchOf(list))).toEqual(expected)
        expect(walk(batchOf(list), 1_000 + from)).toEqual(expected.slice(from))
      }),
    )
  })

  test('is in the format of Kafka', () => {
    const list = [
      { key: Buffer.from('k'), value: Buffer.from('v'), timestamp: 5 },
      { key: null, value: Buffer.alloc(0), timestamp: 3, headers: [['h', Buffer.of(255)]] as const },
    ]
    // length, attributes, timestamp delta, offset delta, key, value, headers; varints are zig-zag coded
    const expected = [16, 0, 0, 0, 2, 0x6b, 2, 0x76, 0, 20, 0, 3, 2, 1, 0, 2, 2, 0x68, 2, 255]
    expect([...encodeRecords(list, 5)]).toEqual(expected)
  })

  test('whose broker sets the time gives every record that time', () => {
    const list = [1, 2, 3].map(timestamp => ({ key: null, value: null, timestamp }))
    const batch = batchOf(list, { logAppendTime: true, maxTimestamp: 77 })
    expect(walk(batch).map(({ timestamp }) => timestamp)).toEqual([77, 77, 77])
  })

  test('whose base time lies far from its records keeps their times', () => {
    const list = [0, 1_583_000_000_000, 2 ** 51].map(timestamp => ({ key: null, value: null, timestamp }))
    for (const baseTimestamp of [0, 1_700_000_000_000, 2 ** 51]) {
      expect(walk(batchOf(list, { baseTimestamp })).map(({ timestamp }) => timestamp)).toEqual([
        0,
        1_583_000_000_000,
        2 ** 51,
      ])
    }
  })

  test('can lack records that compaction has removed', () => {
    fc.assert(
      fc.property(records, fc.infiniteStream(fc.boolean()), (list, keep) => {
        const kept = list.map(() => keep.next().value === true)
        const parts = splitRecords(batchOf(list)).filter((_, i) => kept[i])
        const batch = { ...batchOf(list), count: parts.length, bytes: Buffer.concat(parts) }
        const expected = list.map((each, i) => ({ ...each, offset: 1_000 + i })).filter((_, i) => kept[i])
        expect(walk(batch)).toEqual(expected)
      }),
    )
  })

  test('a cursor is used again for another, also one left early', () => {
    const list = ['a', 'b', 'c'].map(text => ({ key: null, value: Buffer.from(text), timestamp: 1 }))
    const cursor = new RecordCursor()
    expect(cursor.next()).toBe(false)
    cursor.reset(batchOf(list), 0)
    cursor.next()
    cursor.reset(batchOf(list.slice(1)), 0)
    const found: string[] = []
    while (cursor.next()) found.push(cursor.value!.toString())
    expect(found).toEqual(['b', 'c'])
    expect(cursor.next()).toBe(false)
  })
})

describe('damaged bytes', () => {
  /** Walks to the end or the error; every view must lie within the batch's bytes, and there are no more records than announced. */
  const survive = (batch: RecordBatch): void => {
    const cursor = new RecordCursor().reset(batch, 0)
    const within = (view: Buffer | null): void => {
      if (view === null || view.length === 0) return
      expect(view.byteOffset).toBeGreaterThanOrEqual(batch.bytes.byteOffset)
      expect(view.byteOffset + view.length).toBeLessThanOrEqual(batch.bytes.byteOffset + batch.bytes.length)
    }
    let count = 0
    try {
      while (cursor.next()) {
        count++
        expect(Number.isFinite(cursor.timestamp)).toBe(true)
        expect(cursor.offset).toBeLessThanOrEqual(batch.lastOffset)
        within(cursor.key)
        within(cursor.value)
        for (const [, value] of cursor.headers()) within(value)
      }
    } catch (error) {
      expect(error).toBeInstanceOf(TickerError)
      expect(error).toMatchObject({ code: 'LOG_CORRUPT' })
      expect(cursor.next()).toBe(false)
    }
    expect(count).toBeLessThanOrEqual(batch.count)
    try {
      splitRecords(batch).forEach(within)
    } catch (error) {
      expect(error).toMatchObject({ code: 'LOG_CORRUPT' })
    }
  }

  /** In the middle of a larger buffer, as a fetch gives it, so that reading beyond would find bytes. */
  const embedded = (part: Buffer): Buffer => {
    const around = Buffer.alloc(part.length + 64, 0x02)
    part.copy(around, 32)
    return around.subarray(32, 32 + part.length)
  }

  test('changed or cut anywhere give records or LOG_CORRUPT, and nothing from beyond', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.constantFrom(0, 1, 2, 3, 0x7f, 0x80, 0xff, 0xfe) })
    fc.assert(
      fc.property(records, fc.array(change, { maxLength: 5 }), fc.nat(), (list, changes, cut) => {
        const batch = batchOf(list)
        const damaged = Buffer.from(batch.bytes)
        for (const { at, byte } of changes) damaged[at % damaged.length] = byte
        survive({ ...batch, bytes: embedded(damaged) })
        survive({ ...batch, bytes: embedded(damaged.subarray(0, cut % damaged.length)) })
      }),
      { numRuns: 1_000 },
    )
  })

  test('that never were a batch do the same', () => {
    fc.assert(
      fc.property(bytes(60), fc.integer({ min: 1, max: 5 }), (part, count) => {
        survive({
          ...batchOf([{ key: null, value: null, timestamp: 0 }]),
          count,
          lastOffset: 1_004,
          bytes: embedded(part),
        })
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([
    ['a key that runs into the next record', [16, 0, 0, 0, 40, 0x6b, 2, 0x76, 0]],
    ['a value that runs over the end', [16, 0, 0, 0, 2, 0x6b, 0xfe, 0xff, 0xff, 0xff, 0x0f]],
    ['a negative length that is not that of null', [16, 0, 0, 0, 3, 0x6b, 2, 0x76, 0]],
    ['no number of headers', [14, 0, 0, 0, 2, 0x6b, 2, 0x76]],
    ['an offset beyond the batch', [16, 0, 0, 40, 2, 0x6b, 2, 0x76, 0]],
    ['a length of nothing', [0, 0, 0, 0]],
    ['a negative length', [1, 0, 0, 0]],
    ['bytes that end in a varint', [0x80]],
    ['no bytes', []],
  ])('%s is corrupt', (_, list) => {
    const batch = {
      ...batchOf([{ key: null, value: null, timestamp: 0 }]),
      bytes: embedded(Buffer.from(list)),
    }
    expect(() => new RecordCursor().reset(batch, 0).next()).toThrow(
      expect.objectContaining({ code: 'LOG_CORRUPT' }),
    )
  })

  test.each([
    ['more headers than there are bytes', [16, 0, 0, 0, 2, 0x6b, 2, 0x76, 0xfe]],
    ['a negative number of headers', [16, 0, 0, 0, 2, 0x6b, 2, 0x76, 1]],
    ['a header that runs over the record', [20, 0, 0, 0, 2, 0x6b, 2, 0x76, 2, 0x7e, 0]],
  ])('%s are corrupt when asked for', (_, list) => {
    const batch = {
      ...batchOf([{ key: null, value: null, timestamp: 0 }]),
      bytes: embedded(Buffer.from(list)),
    }
    const cursor = new RecordCursor().reset(batch, 0)
    expect(cursor.next()).toBe(true)
    expect(cursor.hasHeaders()).toBe(true)
    expect(() => cursor.headers()).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT' }))
  })
})
