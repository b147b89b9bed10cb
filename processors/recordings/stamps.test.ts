import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatStamp, stampReader } from './stamps.ts'

const utc = (text: string): number => stampReader('UTC')(text)
const iso = (stamp: number): string => new Date(stamp).toISOString()

describe('stamps in UTC', () => {
  it('are read to the millisecond, however many digits they have', () => {
    expect(iso(utc('2024-02-29 23:59:59.987654'))).toBe('2024-02-29T23:59:59.987Z')
    expect(iso(utc('2020-03-02 09:00:00'))).toBe('2020-03-02T09:00:00.000Z')
    expect(iso(utc('2020-03-02 09:00:00.1'))).toBe('2020-03-02T09:00:00.100Z')
  })

  it('are read back as they were written', () => {
    const stamp = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2100, 0, 1) })
    const read = stampReader('UTC')
    fc.assert(fc.property(stamp, value => read(formatStamp(value)) === value))
  })

  it.each([
    '',
    '2020-03-02',
    '2020-03-02T09:00:00.000',
    '2020-02-30 09:00:00.000',
    '2020-13-02 09:00:00.000',
    '2020-03-02 24:00:00.000',
    '2020-03-02 09:60:00.000',
    '2020-03-02 09:00:60.000',
    '2020-03-02 09:00:00.',
    '2020-03-02 09:00:00.12x',
    '2020-03-02 09:00:00.000Z',
    ' 2020-03-02 09:00:00.000',
    '20-03-02 09:00:00.000',
  ])('are not "%s"', text => {
    expect(utc(text)).toBeNaN()
    // also not in the minute that a good stamp has opened
    const read = stampReader('UTC')
    read('2020-03-02 09:00:00.000')
    expect(read(text)).toBeNaN()
  })
})

describe('stamps in a time zone', () => {
  const read = (timeZone: string, ...texts: string[]): string[] => texts.map(stampReader(timeZone)).map(iso)

  it('follow its offset in summer and winter', () => {
    expect(read('America/Los_Angeles', '2023-01-15 12:00:00.5', '2023-07-15 12:00:00.5')).toEqual([
      '2023-01-15T20:00:00.500Z',
      '2023-07-15T19:00:00.500Z',
    ])
  })

  it('move on where the clock skipped an hour', () => {
    expect(
      read('America/Los_Angeles', '2023-03-12 01:59:59.9', '2023-03-12 02:30:00', '2023-03-12 03:30:00'),
    ).toEqual(['2023-03-12T09:59:59.900Z', '2023-03-12T10:30:00.000Z', '2023-03-12T10:30:00.000Z'])
  })

  it('pass through both hours where the clock went back', () => {
    const times = ['01:00:00.0', '01:59:59.9', '01:00:00.0', '01:25:00.0', '01:50:00.0', '02:00:00.0']
    expect(read('America/Los_Angeles', ...times.map(time => `2023-11-05 ${time}`))).toEqual([
      '2023-11-05T08:00:00.000Z',
      '2023-11-05T08:59:59.900Z',
      '2023-11-05T09:00:00.000Z',
      '2023-11-05T09:25:00.000Z',
      '2023-11-05T09:50:00.000Z',
      '2023-11-05T10:00:00.000Z',
    ])
  })

  it('know changes of half an hour', () => {
    const times = ['01:20:00', '01:59:59', '01:30:00', '02:00:00']
    expect(read('Australia/Lord_Howe', ...times.map(time => `2023-04-02 ${time}`))).toEqual([
      '2023-04-01T14:20:00.000Z',
      '2023-04-01T14:59:59.000Z',
      '2023-04-01T15:00:00.000Z',
      '2023-04-01T15:30:00.000Z',
    ])
  })

  it('are refused in a zone that is none', () => {
    expect(() => stampReader('Mars/Olympus')).toThrow(expect.objectContaining({ code: 'TIME_ZONE_UNKNOWN' }))
  })
})
