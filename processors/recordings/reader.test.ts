import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RecordingEvent } from './event.ts'
import { header } from './format.ts'
import { openRecordings } from './reader.ts'
import { formatStamp } from './stamps.ts'

const start = Date.UTC(2024, 4, 1)
const now = () => Date.UTC(2025, 0, 1)

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'recordings-'))
})
afterEach(() => rm(directory, { recursive: true }))

const put = (name: string, contents: string | Buffer): Promise<void> =>
  writeFile(join(directory, name), contents)

/** A row per tenth of a second. */
const rows = (count: number, from = 0): string =>
  Array.from(
    { length: count },
    (_, i) => `${formatStamp(start + from + i * 100)},${'0.5,'.repeat(9)}${','.repeat(9)}sit\n`,
  ).join('')

async function stream(): Promise<RecordingEvent[]> {
  const events: RecordingEvent[] = []
  for await (const chunk of (await openRecordings(directory, { now })).events()) events.push(...chunk)
  return events
}

/** Events in short: w1@100 for a reading, w1! for an end, code:line for a malformed row. */
const brief = (events: readonly RecordingEvent[]): string[] =>
  events.map(event => {
    if (event.kind === 'reading') return `${event.reading.deviceId}@${event.reading.stamp - start}`
    if (event.kind === 'end') return `${event.deviceId}!${event.stamp - start}`
    return `${event.code}:${event.line}`
  })

describe('a directory of recordings', () => {
  it('is merged by event time; each device ends after its last row', async () => {
    await put('w2.csv', header + rows(2, 50))
    await put('w1.csv.gz', gzipSync(header + rows(3)))
    await put('notes.txt', 'not a recording, and not taken for one')
    expect((await openRecordings(directory, { now })).devices).toEqual(['w1', 'w2'])
    expect(brief(await stream())).toEqual(['w1@0', 'w2@50', 'w1@100', 'w2@150', 'w2!150', 'w1@200', 'w1!200'])
  })

  it('may have Windows line ends, a blank last line, or none at the end', async () => {
    await put('w1.csv', (header + rows(2)).replaceAll('\n', '\r\n'))
    await put('w2.csv', `${header}${rows(1)}\n`)
    await put('w3.csv', (header + rows(1)).trimEnd())
    expect(brief(await stream())).toEqual(['w1@0', 'w2@0', 'w2!0', 'w3@0', 'w3!0', 'w1@100', 'w1!100'])
  })

  it('gives a malformed row as it stands, and goes on', async () => {
    const bad = Buffer.from([0xff, 0x2c, 0x00, 0x22])
    await put('w1.csv', Buffer.concat([Buffer.from(header + rows(1)), bad, Buffer.from(`\n${rows(1, 100)}`)]))
    const events = await stream()
    expect(brief(events)).toEqual(['w1@0', 'ROW_CELLS_MISCOUNTED:4', 'w1@100', 'w1!100'])
    expect(events[1]).toMatchObject({ kind: 'malformed', deviceId: 'w1', file: 'w1.csv', bytes: bad })
  })

  it('gives an endless line once, cut', async () => {
    await put('w1.csv', `${header}${'x'.repeat(1_000_000)}\n${rows(1)}`)
    const events = await stream()
    expect(brief(events)).toEqual(['ROW_TOO_LONG:3', 'w1@0', 'w1!0'])
    expect(events[0]).toMatchObject({ bytes: Buffer.alloc(65_537, 'x') })
  })

  it('has no end where there was no reading', async () => {
    await put('w1.csv', header)
    await put('w2.csv', `${header}nonsense\n`)
    expect(brief(await stream())).toEqual(['ROW_CELLS_MISCOUNTED:3'])
  })

  it.each([0.9, 0.5, 0.1])('goes on where a file is cut off at %f', async share => {
    const whole = gzipSync(header + rows(30_000), { level: 1 })
    const part = whole.subarray(0, Math.floor(whole.length * share))
    await put('w1.csv.gz', part)
    await put('w2.csv', header + rows(3))
    const events = await stream()
    const readable = gunzipSync(part, { finishFlush: constants.Z_SYNC_FLUSH }).toString('latin1').split('\n')
    const cut = readable.pop()!
    const stamps = readable.slice(2).map((_, i) => i * 100)
    expect(brief(events).filter(event => event.startsWith('w1@'))).toEqual(stamps.map(stamp => `w1@${stamp}`))
    expect(events.at(-2)).toMatchObject({
      kind: 'malformed',
      code: 'RECORDING_UNREADABLE',
      line: readable.length + 1,
      bytes: Buffer.from(cut),
    })
    expect(brief(events).at(-1)).toBe(`w1!${stamps.at(-1)}`)
    expect(brief(events)).toContain('w2!200')
  })

  it('goes on where a file is damaged in the middle', async () => {
    const whole = gzipSync(header + rows(30_000), { level: 1 })
    await put(
      'w1.csv.gz',
      Buffer.concat([whole.subarray(0, 200_000), Buffer.alloc(1000, 0xff), whole.subarray(201_000)]),
    )
    await put('w2.csv', header + rows(3))
    const events = brief(await stream())
    const read = events.filter(event => event.startsWith('w1@'))
    expect(read.length).toBeGreaterThan(0)
    expect(events.filter(event => event.startsWith('RECORDING_UNREADABLE'))).toHaveLength(1)
    expect(events).toContain('w2!200')
    expect(brief(await stream())).toEqual(events)
  })
})

describe('refused before anything is streamed', () => {
  const opening = () => openRecordings(directory, { now })

  it('a directory that is not there, or holds no recording', async () => {
    await expect(openRecordings(join(directory, 'absent'), { now })).rejects.toMatchObject({
      code: 'RECORDINGS_NONE',
    })
    await expect(opening()).rejects.toMatchObject({ code: 'RECORDINGS_NONE' })
  })

  it('two files of one device', async () => {
    await put('w1.csv', header)
    await put('w1.csv.gz', gzipSync(header))
    await expect(opening()).rejects.toMatchObject({ code: 'RECORDING_DUPLICATE' })
  })

  it.each([
    ['other columns', 'window,stamp,i\n0,1,2\n', 'it has 3 columns (window,stamp,i …), not 20'],
    ['no row of types', `${header.split('\n')[0]}\n${rows(1)}`, 'its second row does not hold the types'],
    ['nothing', '', 'it is empty'],
  ])('a file with %s', async (_, contents, reason) => {
    await put('good.csv', header + rows(1))
    await put('other.csv', contents)
    const message = expect.stringMatching(/other\.csv is not a recording: [^\n]*$/)
    await expect(opening()).rejects.toMatchObject({ code: 'RECORDING_FOREIGN', message })
    await expect(opening()).rejects.toThrow(reason)
  })

  it('a .gz that is none', async () => {
    await put('w1.csv.gz', header)
    await expect(opening()).rejects.toMatchObject({ code: 'RECORDING_FOREIGN' })
  })

  it('an unknown time zone', async () => {
    await put('w1.csv', header)
    const opened = openRecordings(directory, { now, timeZone: 'Nowhere/At_All' })
    await expect(opened).rejects.toMatchObject({ code: 'TIME_ZONE_UNKNOWN' })
  })
})
