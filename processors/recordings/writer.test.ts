import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SensorReading } from '../../schemas/index.ts'
import type { RecordingEvent } from './event.ts'
import { rowReader } from './format.ts'
import { openRecordings } from './reader.ts'
import { writeRecordings } from './writer.ts'

const start = Date.UTC(2024, 4, 1)
const blank = rowReader(
  '',
  () => start,
  () => start,
)(','.repeat(19)) as SensorReading
const reading = (deviceId: string, stamp: number): RecordingEvent => ({
  kind: 'reading',
  reading: { ...blank, deviceId, stamp, pitch: stamp / 7, userActivityLabel: 'soup, hot' },
})

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'recordings-'))
})
afterEach(() => rm(directory, { recursive: true }))

describe('writeRecordings', () => {
  it.each([false, true])('writes what the reader reads (gzip: %s)', async gzip => {
    const events = Array.from({ length: 4000 }, (_, i) => reading(i % 2 ? 'b' : 'a', start + i * 50))
    const out = join(directory, 'new', 'one')
    expect(await writeRecordings(out, [events.slice(0, 100), events.slice(100)], { gzip })).toEqual({
      devices: 2,
      readings: 4000,
    })
    expect(await readdir(out)).toEqual(gzip ? ['a.csv.gz', 'b.csv.gz'] : ['a.csv', 'b.csv'])
    const read: RecordingEvent[] = []
    for await (const chunk of (await openRecordings(out, { now: () => start })).events()) read.push(...chunk)
    expect(read.filter(event => event.kind === 'reading')).toEqual(events)
  })

  it('overwrites nothing', async () => {
    await writeRecordings(directory, [[reading('a', start)]], { gzip: false })
    const before = await readFile(join(directory, 'a.csv'), 'utf8')
    const again = writeRecordings(directory, [[reading('a', start + 1)]], { gzip: false })
    await expect(again).rejects.toMatchObject({ code: 'RECORDING_EXISTS' })
    expect(await readFile(join(directory, 'a.csv'), 'utf8')).toBe(before)
  })

  it.each(['../a', 'a/b', '', '.', 'a\0'])('makes no file of device "%s"', async deviceId => {
    const writing = writeRecordings(directory, [[reading(deviceId, start)]], { gzip: false })
    await expect(writing).rejects.toMatchObject({ code: 'RECORDING_DEVICE_INVALID' })
    expect(await readdir(directory)).toEqual([])
  })
})
