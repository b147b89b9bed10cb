/** What a fetch may hold, by hand: the cases in which clients have lost or leaked records. */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import lz4 from 'lz4'
import snappy from 'snappyjs'
import { describe, expect, test } from 'vitest'
import { encodeRecords, type RecordBatch, RecordCursor } from '../record-batch.ts'
import { encodeBatch } from './batch-writer.ts'
import { batchAttributes, batchLayout, readRecordSet } from './record-set.ts'

const tp = { topic: 't', partition: 0 }

interface BatchSpec {
  readonly base: number
  /** None: compaction has left the header alone. */
  readonly values?: readonly string[]
  readonly key?: Buffer | null
  /** Set where compaction has removed records from the end. */
  readonly last?: number
  /** A transaction's producer. */
  readonly producer?: number
  readonly marker?: 'abort' | 'commit'
  /** How far the cleaner has moved the base timestamp back, in milliseconds. */
  readonly moved?: number
}

function batch({ base, values = [], key = null, last, producer = -1, marker, moved = 0 }: BatchSpec): Buffer {
  const markerKey = Buffer.from([0, 0, 0, marker === 'commit' ? 1 : 0])
  const records = (marker === undefined ? values : ['marker']).map(value => {
    return { ...tp, key: marker === undefined ? key : markerKey, value: Buffer.from(value), timestamp: moved }
  })
  const one = { ...tp, key: null, value: null, timestamp: 0 }
  const whose = { producerId: String(producer), producerEpoch: 0, sequence: 0, transactional: producer >= 0 }
  const header = encodeBatch(records.length > 0 ? records : [one], whose).subarray(0, batchLayout.records)
  const bytes = Buffer.concat([header, encodeRecords(records, 0)])
  bytes.writeBigInt64BE(BigInt(base))
  bytes.writeInt32BE(bytes.length - batchLayout.leaderEpoch, batchLayout.length)
  bytes.writeBigInt64BE(0n, batchLayout.baseTimestamp)
  bytes.writeInt32BE(records.length, batchLayout.count)
  if (last !== undefined) bytes.writeInt32BE(last - base, batchLayout.lastOffsetDelta)
  if (marker !== undefined) {
    bytes.writeInt16BE(batchAttributes.transactional | batchAttributes.control, batchLayout.attributes)
  }
  return bytes
}

function walk(batches: readonly RecordBatch[], from = 0): string[] {
  const cursor = new RecordCursor()
  const seen: string[] = []
  for (const each of batches) {
    cursor.reset(each, from)
    while (cursor.next()) seen.push(`${cursor.offset}:${cursor.value}`)
  }
  return seen
}

async function read(
  specs: readonly BatchSpec[],
  aborted: readonly { producerId: number; firstOffset: number }[] = [],
): Promise<{ seen: string[]; end: number | undefined }> {
  const ranges = aborted.map(each => ({ producerId: BigInt(each.producerId), firstOffset: each.firstOffset }))
  const batches = await readRecordSet(tp, Buffer.concat(specs.map(batch)), ranges)
  return { seen: walk(batches), end: batches.at(-1)?.lastOffset }
}

describe('aborted records', () => {
  test('of transactions that overlap and abort in the reverse order of their begin', async () => {
    const { seen } = await read(
      [
        { base: 0, values: ['a'], producer: 1 },
        { base: 1, values: ['b'], producer: 2 },
        { base: 2, marker: 'abort', producer: 2 },
        { base: 3, values: ['c'], producer: 1 },
        { base: 4, values: ['d'], producer: 2 },
        { base: 5, marker: 'abort', producer: 1 },
        { base: 6, marker: 'commit', producer: 2 },
        { base: 7, values: ['e'] },
      ],
      // In the order in which they ended, as a broker lists them.
      [
        { producerId: 2, firstOffset: 1 },
        { producerId: 1, firstOffset: 0 },
      ],
    )
    expect(seen).toEqual(['4:d', '7:e'])
  })

  test('whose key has the bytes of an abort marker', async () => {
    const { seen } = await read(
      [
        { base: 0, values: ['a', 'b'], key: Buffer.alloc(4), producer: 1 },
        { base: 2, values: ['c'], producer: 1 },
        { base: 3, marker: 'abort', producer: 1 },
        { base: 4, values: ['d'], key: Buffer.alloc(4), producer: 1 },
      ],
      [{ producerId: 1, firstOffset: 0 }],
    )
    expect(seen).toEqual(['4:d'])
  })

  test('of several transactions that began before what was fetched', async () => {
    const { seen } = await read(
      [
        { base: 5, values: ['a'], producer: 3 },
        { base: 6, values: ['b'], producer: 1 },
        { base: 7, values: ['c'], producer: 2 },
        { base: 8, values: ['d'] },
      ],
      [
        { producerId: 3, firstOffset: 2 },
        { producerId: 2, firstOffset: 1 },
        { producerId: 1, firstOffset: 0 },
      ],
    )
    expect(seen).toEqual(['8:d'])
  })

  test('end at their own marker, and a commit marker ends nothing', async () => {
    const { seen } = await read(
      [
        { base: 0, values: ['a'], producer: 1 },
        { base: 1, marker: 'abort', producer: 1 },
        { base: 2, values: ['b'], producer: 1 },
        { base: 3, marker: 'commit', producer: 1 },
        { base: 4, values: ['c'], producer: 1 },
        { base: 5, marker: 'abort', producer: 1 },
      ],
      [
        { producerId: 1, firstOffset: 0 },
        { producerId: 1, firstOffset: 4 },
      ],
    )
    expect(seen).toEqual(['2:b'])
  })

  test('whose marker went through the cleaner, which moves the base timestamp', async () => {
    const { seen } = await read(
      [
        { base: 0, values: ['a'], producer: 1 },
        { base: 1, marker: 'abort', producer: 1, moved: 2 ** 40 },
        { base: 2, values: ['b'], producer: 1 },
      ],
      [{ producerId: 1, firstOffset: 0 }],
    )
    expect(seen).toEqual(['2:b'])
  })
})

describe('the position reached', () => {
  test('is behind markers and aborted records at the end', async () => {
    const aborted = [
      { base: 1, values: ['b', 'c'], producer: 1 },
      { base: 3, marker: 'abort' as const, producer: 1 },
    ]
    expect(await read([{ base: 0, values: ['a'] }, ...aborted], [{ producerId: 1, firstOffset: 1 }])).toEqual(
      {
        seen: ['0:a'],
        end: 3,
      },
    )
    expect(await read(aborted, [{ producerId: 1, firstOffset: 1 }])).toEqual({ seen: [], end: 3 })
  })

  test('is behind records that compaction has taken, from a batch or all of it', async () => {
    expect(await read([{ base: 150, values: ['a'], last: 160 }])).toEqual({ seen: ['150:a'], end: 160 })
    expect(await read([{ base: 150, last: 160 }])).toEqual({ seen: [], end: 160 })
    expect(
      (
        await read([
          { base: 0, values: ['a'] },
          { base: 1, last: 9 },
        ])
      ).end,
    ).toBe(9)
  })

  test('is not moved by a batch that the fetch has cut off', async () => {
    const whole = batch({ base: 0, values: ['a'] })
    const cut = batch({ base: 1, values: ['b'] })
    for (const length of [cut.length - 1, batchLayout.crc, 5]) {
      const batches = await readRecordSet(tp, Buffer.concat([whole, cut.subarray(0, length)]), [])
      expect(batches.map(each => each.lastOffset)).toEqual([0])
    }
    expect(await readRecordSet(tp, Buffer.alloc(0), [])).toEqual([])
  })

  test('in the middle of a batch leaves out what lies before it', async () => {
    const batches = await readRecordSet(tp, batch({ base: 10, values: ['a', 'b', 'c'] }), [])
    expect(walk(batches, 11)).toEqual(['11:b', '12:c'])
  })
})

describe('compressed and corrupt batches', () => {
  /** A batch with its records as a codec packs them. */
  function packed(codec: number, pack: (body: Buffer) => Buffer, values = ['a', 'b']): Buffer {
    const plain = batch({ base: 0, values })
    const set = Buffer.concat([
      plain.subarray(0, batchLayout.records),
      pack(plain.subarray(batchLayout.records)),
    ])
    set.writeInt32BE(set.length - batchLayout.leaderEpoch, batchLayout.length)
    set.writeInt16BE(codec, batchLayout.attributes)
    return set
  }

  /** As xerial's library frames what it compresses, in blocks. */
  function xerial(body: Buffer): Buffer {
    const blocks = [body.subarray(0, 7), body.subarray(7)].flatMap(block => {
      const compressed = snappy.compress(block)
      const length = Buffer.alloc(4)
      length.writeUInt32BE(compressed.length)
      return [length, compressed]
    })
    return Buffer.concat([Buffer.from([130, 83, 78, 65, 80, 80, 89, 0, 0, 0, 0, 1, 0, 0, 0, 1]), ...blocks])
  }

  /** The package cannot write sums on every Node. */
  function lz4Frame(body: Buffer): Buffer {
    return lz4.encode(body, { streamChecksum: false })
  }

  /** A frame of one block, with all that it may have beside it. */
  function summed(body: Buffer): Buffer {
    const frame = lz4Frame(body)
    frame[4]! |= 0x10 | 8 | 4
    const [begin, block, end] = [frame.subarray(0, 6), frame.subarray(6, -4), frame.subarray(-4)]
    return Buffer.concat([begin, Buffer.alloc(8), block, Buffer.alloc(4), end, Buffer.alloc(4)])
  }

  const long = [
    'abc'.repeat(20_000),
    'x',
    'abcd'.repeat(50),
    createHash('shake256', { outputLength: 3000 }).update('').digest('hex'),
  ]

  test.each<[string, number, (body: Buffer) => Buffer]>([
    ['gzip', 1, body => gzipSync(body)],
    ['snappy', 2, body => snappy.compress(body)],
    ['snappy, framed', 2, xerial],
    ['lz4', 3, lz4Frame],
    ['lz4, with its size and sums', 3, summed],
  ])('%s is read', async (_, codec, pack) => {
    for (const values of [['a', 'b'], long]) {
      const set = packed(codec, pack, values)
      expect(walk(await readRecordSet(tp, set, []))).toEqual(values.map((value, i) => `${i}:${value}`))
    }
  })

  const copies = Buffer.from([0xfe, 1, 0]) // snappy: 64 bytes from 1 before
  test.each<[string, number, Buffer]>([
    // These ended the process, went round for ever, or took all memory, in the packages that were used before.
    ['lz4 that ends too early', 3, lz4Frame(Buffer.alloc(500, 'ab')).subarray(0, -1)],
    ['lz4 of blocks that go on for ever', 3, lz4Frame(Buffer.alloc(500, 'ab')).subarray(0, 12)],
    ['snappy that claims two gigabytes', 2, Buffer.from([0xff, 0xff, 0xff, 0xff, 7, 0, 65])],
    ['snappy with a negative length', 2, Buffer.from([9, 0, 65, 0xfc, 0xf5, 0xff, 0xff, 0xff, 0, 0, 0])],
    ['snappy with a copy of what is not there', 2, Buffer.from([8, 0, 65, 0xfe, 9, 0])],
    ['snappy of another length than it says', 2, Buffer.concat([Buffer.from([99, 0, 65]), copies])],
    ['gzip that becomes more than it may', 1, gzipSync(Buffer.alloc(129 << 20), { level: 1 })],
    ['lz4 that becomes more than it may', 3, lz4Bomb()],
  ])('%s is refused', async (_, codec, body) => {
    const set = packed(codec, () => body)
    await expect(readRecordSet(tp, set, [])).rejects.toMatchObject({ code: 'LOG_CORRUPT' })
  })

  /** One block that repeats a byte 130 million times. */
  function lz4Bomb(): Buffer {
    const lengths = Buffer.alloc((130 << 20) / 255, 255)
    const block = Buffer.concat([Buffer.from([0x1f, 65, 1, 0]), lengths, Buffer.of(0, 0)])
    const size = Buffer.alloc(4)
    size.writeUInt32LE(block.length)
    return Buffer.concat([Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73]), size, block])
  }

  test.each<[string, number, (set: Buffer) => void]>([
    ['that ends before it begins', 7, set => set.writeInt32BE(-3, batchLayout.lastOffsetDelta)],
    ['of less than no records', 7, set => set.writeInt32BE(-1, batchLayout.count)],
    ['at a negative offset', -2, () => {}],
  ])('a batch %s is refused: a reader would fetch it for ever', async (_, base, spoil) => {
    const set = batch({ base, values: ['a'] })
    spoil(set)
    await expect(readRecordSet(tp, set, [])).rejects.toMatchObject({ code: 'LOG_CORRUPT' })
  })

  test.each([
    ['an unknown codec', (set: Buffer) => set.writeInt16BE(5, batchLayout.attributes)],
    ['what is no gzip', (set: Buffer) => set.writeInt16BE(1, batchLayout.attributes)],
    ['an old format', (set: Buffer) => set.writeInt8(1, batchLayout.magic)],
    ['a length that cannot be', (set: Buffer) => set.writeInt32BE(3, batchLayout.length)],
  ])('%s is refused, and named', async (_, spoil) => {
    const set = batch({ base: 7, values: ['a'] })
    spoil(set)
    await expect(readRecordSet(tp, set, [])).rejects.toMatchObject({
      code: 'LOG_CORRUPT',
      message: expect.stringContaining('7 of t/0'),
    })
  })

  test('a record that runs over its batch is refused by the cursor', async () => {
    const set = batch({ base: 0, values: ['a'] })
    set.writeUInt8(126, batchLayout.records)
    const [only] = await readRecordSet(tp, set, [])
    expect(() => walk([only!])).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT' }))
  })
})
