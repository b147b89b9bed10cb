/** What a broker sends: record batches, compressed and aborted ones among them, and answers to fetches. */
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import lz4 from 'lz4'
import snappy from 'snappyjs'
import { encodeBatch } from '../../topology/log/kafka/batch-writer.ts'
import { decodeFetch } from '../../topology/log/kafka/protocol/fetch.ts'
import { Writer } from '../../topology/log/kafka/protocol/wire.ts'
import { batchAttributes, batchLayout, readRecordSet } from '../../topology/log/kafka/record-set.ts'
import type { Headers, ProducerRecord } from '../../topology/log/log.ts'
import { RecordCursor } from '../../topology/log/record-batch.ts'
import { type Decoded, ofCode, type Target } from './target.ts'

const tp = { topic: 't', partition: 0 }
const bytes = fc.uint8Array({ maxLength: 60 }).map(each => Buffer.from(each))
const headers: fc.Arbitrary<Headers> = fc.array(fc.tuple(fc.string({ maxLength: 8 }), bytes), {
  maxLength: 3,
})
const record: fc.Arbitrary<ProducerRecord> = fc
  .record({ key: fc.option(bytes), value: fc.option(bytes), timestamp: fc.nat(2 ** 40), headers })
  .map(each => ({ ...tp, ...each }))

interface BatchSpec {
  readonly records: readonly ProducerRecord[]
  readonly codec: number
  readonly control: boolean
  readonly producer: number
}

const batch: fc.Arbitrary<BatchSpec> = fc.record({
  records: fc.array(record, { minLength: 1, maxLength: 5 }),
  codec: fc.constantFrom(0, 0, 1, 2, 3),
  control: fc.boolean(),
  producer: fc.integer({ min: -1, max: 2 }),
})

/** By the codecs of other people, so that ours is held to theirs. */
function compressed(body: Buffer, codec: number): Buffer {
  if (codec === 1) return gzipSync(body)
  return codec === 2 ? snappy.compress(body) : lz4.encode(body, { streamChecksum: false })
}

/** As a broker keeps them: one after the other, some of transactions, some compressed. */
function recordSet(specs: readonly BatchSpec[]): Buffer {
  let offset = 0
  return Buffer.concat(
    specs.map(({ records, codec, control, producer }) => {
      const marker = { ...tp, key: Buffer.from([0, 0, 0, 0]), value: Buffer.alloc(6), timestamp: 1 }
      const isMarker = control && producer >= 0
      const transactional = producer >= 0
      const whose = { producerId: String(producer), producerEpoch: 0, sequence: 0, transactional }
      const plain = encodeBatch(isMarker ? [marker] : records, whose)
      const body = plain.subarray(batchLayout.records)
      const packed = isMarker || codec === 0 ? body : compressed(body, codec)
      const out = Buffer.concat([plain.subarray(0, batchLayout.records), packed])
      out.writeBigInt64BE(BigInt(offset))
      offset += isMarker ? 1 : records.length
      out.writeInt32BE(out.length - batchLayout.leaderEpoch, batchLayout.length)
      const flags =
        (transactional ? batchAttributes.transactional : 0) | (isMarker ? batchAttributes.control : codec)
      out.writeInt16BE(flags, batchLayout.attributes)
      return out
    }),
  )
}

/** Read as a reader of committed records does, transactions of producer 0 aborted. */
async function readSet(set: Buffer): Promise<Decoded> {
  const cursor = new RecordCursor()
  const found: Pick<ProducerRecord, 'key' | 'value' | 'timestamp' | 'headers'>[] = []
  let position = 0
  let size = 0
  for (const each of await readRecordSet(tp, set, [{ producerId: 0n, firstOffset: 0 }])) {
    if (each.lastOffset < each.baseOffset) throw new Error('a batch ends before it begins')
    if (each.lastOffset + 1 < position) throw new Error('a reader would go backwards')
    position = each.lastOffset + 1
    for (cursor.reset(each, 0); cursor.next(); ) {
      const { timestamp } = cursor
      const [key, value] = [cursor.key && Buffer.from(cursor.key), cursor.value && Buffer.from(cursor.value)]
      found.push({ key, value, timestamp, headers: cursor.headers() })
      size += 1 + (key?.length ?? 0) + (value?.length ?? 0)
    }
  }
  const exact = found.every(({ timestamp }) => Math.abs(timestamp) < 2 ** 50)
  const again = (): Promise<Decoded> => {
    const whose = { producerId: '-1', producerEpoch: 0, sequence: 0, transactional: false }
    return readSet(
      encodeBatch(
        found.map(each => ({ ...tp, ...each })),
        whose,
      ),
    )
  }
  return { value: found, size, again: found.length > 0 && exact ? again : undefined }
}

const batches: Target = {
  name: 'record batches',
  right: fc.array(batch, { minLength: 1, maxLength: 3 }).map(recordSet),
  fields: Object.values(batchLayout),
  decode: readSet,
  expected: error => ofCode(error, /^LOG_CORRUPT$/),
  // What is repeated in a compressed batch: deflate makes 1032 bytes of one.
  expansion: 1100,
}

const compressedBytes: Target = {
  name: 'compressed batches',
  right: fc
    .tuple(fc.constantFrom(1, 2, 3), fc.array(fc.constantFrom('a', 'ab', 'abcabcabc'), { maxLength: 80 }))
    .map(([codec, words]) => {
      const one = { ...tp, key: null, value: Buffer.from(words.join('')), timestamp: 1 }
      return recordSet([{ records: [one], codec, control: false, producer: -1 }])
    }),
  // Behind the batch's header, which stays: where the codecs say how long things are.
  fields: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 20].map(at => batchLayout.records + at),
  decode: readSet,
  expected: error => ofCode(error, /^LOG_CORRUPT$/),
  expansion: 1100,
}

/** Decoding a fetch is wrapped by the client: whatever is thrown there ends as LOG_FAILED. */
const answers: Target = {
  name: 'answers of a broker',
  right: fc.array(batch, { maxLength: 2 }).map(specs => {
    const set = recordSet(specs)
    const body = new Writer().int32(0).int16(0).int32(0)
    body.array(['t'], topic =>
      body.string(topic).array([0], partition => {
        body.int32(partition).int16(0).int64(9).int64(9).int64(0)
        body.array([0], () => body.int64(0).int64(0))
        body.int32(-1).int32(set.length).bytes(set)
      }),
    )
    return body.build()
  }),
  fields: [10, 14, 17, 21, 25, 47, 67, 71],
  decode(answer) {
    const value = decodeFetch(answer)
    return {
      value,
      size: value.reduce((sum, { records, aborted }) => sum + records.length + aborted.length, 0),
    }
  },
  expected: error => error instanceof RangeError,
}

export const logTargets: readonly Target[] = [batches, compressedBytes, answers]
