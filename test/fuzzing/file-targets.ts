/** What people and other programs hand in: releases of models, rows of recordings, archives, dead letters. */
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import yazl from 'yazl'
import { LakeError } from '../../lake/errors.ts'
import type { Source } from '../../lake/staging/source.ts'
import { openArchive } from '../../lake/staging/zip.ts'
import { ApplicationError, isApplicationErrorCode } from '../../processors/errors.ts'
import { parseRelease, releaseJson } from '../../processors/models/release.ts'
import { shippedReleases } from '../../processors/models/shipped.ts'
import { formatRow, rowReader } from '../../processors/recordings/format.ts'
import { stampReader } from '../../processors/recordings/stamps.ts'
import { arbitraryOf } from '../../schemas/avro/arbitraries.ts'
import { recordSchema } from '../../schemas/avro/decoder.ts'
import { SensorReading } from '../../schemas/index.ts'
import { deadLetters } from '../../topology/dead-letter-queue.ts'
import { deadLetterRecord } from '../../topology/dead-letters.ts'
import { deadLetterTopic, memoryLog } from '../../topology/index.ts'
import { type Decoded, ofCode, sizeOf, type Target } from './target.ts'

const [shipped] = await shippedReleases('watch')
/** Without the model, which would be most of its bytes. */
export const releaseFile = JSON.stringify({
  ...releaseJson({ ...shipped!, onnx: Buffer.from('model'), location: null }),
})

const releases: Target = {
  name: 'release files',
  right: fc.constant(Buffer.from(releaseFile)),
  decode(text) {
    const value = parseRelease(text.toString('utf8'), 'a file')
    const again = (): Decoded => ({
      value: parseRelease(JSON.stringify(releaseJson(value)), 'again'),
      size: 0,
    })
    return { value, size: sizeOf(value), again }
  },
  expected: error => error instanceof ApplicationError && error.code === 'MODEL_FILE_INVALID',
}

const NOW = Date.UTC(2026, 0, 1)
const read = rowReader('watch', stampReader('UTC'), () => NOW)
const stamps = fc.integer({ min: Date.UTC(2001, 0, 1), max: NOW - 1 })

const rows: Target = {
  name: 'rows of recordings',
  right: fc
    .tuple(arbitraryOf(recordSchema(SensorReading.schema)) as fc.Arbitrary<SensorReading>, stamps)
    .map(([reading, stamp]) => Buffer.from(formatRow({ ...reading, stamp }).trimEnd(), 'utf8')),
  decode(row) {
    const found = read(row.toString('latin1'))
    if (!('code' in found)) {
      const again = (): Decoded => ({
        value: read(Buffer.from(formatRow(found).slice(0, -1), 'utf8').toString('latin1')),
        size: 0,
      })
      return { value: found, size: sizeOf(found), again }
    }
    if (!isApplicationErrorCode(found.code)) throw new Error(`an unknown fault: ${found.code}`)
    return { value: undefined, size: found.text.length }
  },
  expected: () => false,
}

async function archive(compress: boolean): Promise<Buffer> {
  const zip = new yazl.ZipFile()
  for (const name of ['a.csv', 'folder/b.csv'])
    zip.addBuffer(Buffer.from(`${name}\n`.repeat(20)), name, { compress })
  zip.end()
  return await buffer(zip.outputStream)
}

const archives: Target = {
  name: 'archives',
  right: fc.constantFrom(await archive(true), await archive(false)),
  async decode(bytes) {
    const source: Source = {
      ...{ name: 'a.zip', size: bytes.length, version: '1' },
      async *read(start, end) {
        yield bytes.subarray(start, end)
      },
    }
    const opened = await openArchive(source)
    try {
      let size = 0
      for (const entry of opened.entries) for await (const piece of entry.read()) size += piece.length
      return { value: undefined, size }
    } finally {
      opened.close()
    }
  },
  expected: error => error instanceof LakeError && /^ARCHIVE_/.test(error.code),
  expansion: 1100,
}

const topic = deadLetterTopic('app')
const letter = deadLetterRecord(
  {
    ...{ topic: 't', partition: 3, offset: 4, key: Buffer.from('k'), value: null, timestamp: 5, headers: [] },
    ...{ code: 'RECORD_FAILED', message: 'no', stage: 'process', operator: 'o', application: 'app', time: 6 },
  },
  topic,
)

/** Its headers as text: a line `name=value` each. */
const letters: Target = {
  name: 'dead letters',
  right: fc.constant(Buffer.from(letter.headers!.map(([name, value]) => `${name}=${value}`).join('\n'))),
  async decode(text) {
    const log = memoryLog()
    await log.admin.createTopics([{ topic, partitions: 1 }])
    const producer = await log.producer({ clientId: 'fuzz' })
    await producer.init()
    const headers = text
      .toString('latin1')
      .split('\n')
      .map(
        line => [line.split('=')[0] ?? '', Buffer.from(line.slice(line.indexOf('=') + 1), 'latin1')] as const,
      )
    await producer.send([{ ...letter, headers }])
    const found = []
    for await (const each of deadLetters({ log, applicationId: 'app', clientId: 'fuzz' })) found.push(each)
    if (found.length !== 1) throw new Error(`${found.length} letters instead of one`)
    return { value: undefined, size: sizeOf(JSON.parse(JSON.stringify(found))) / 8 }
  },
  expected: error => ofCode(error, /^LOG_/),
}

export const fileTargets: readonly Target[] = [releases, rows, archives, letters]
