import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SensorReading } from '../../schemas/index.ts'
import { formatRow, header, headerFault, rowReader } from './format.ts'
import { stampReader } from './stamps.ts'

const now = Date.UTC(2025, 0, 1)
const read = (row: string) => rowReader('w1', stampReader('UTC'), () => now)(row)
const bytes = (text: string): string => Buffer.from(text).toString('latin1')
const row = (cells: Record<number, string> = {}): string =>
  Array.from({ length: 20 }, (_, i) => cells[i] ?? (i === 0 ? '2024-05-01 10:00:00.000' : '')).join(',')

describe('a row', () => {
  it('has null for empty cells', () => {
    const reading = read(row({ 2: '-1.5e-1', 19: 'walking' }))
    expect(reading).toMatchObject({
      deviceId: 'w1',
      stamp: Date.UTC(2024, 4, 1, 10),
      pitch: -0.15,
      yaw: null,
    })
    expect(reading).toMatchObject({ userActivityLabel: 'walking', batteryState: null })
  })

  it('may quote a text', () => {
    expect(read(row({ 10: '"home, ""sweet"" home"' }))).toMatchObject({ locationType: 'home, "sweet" home' })
    expect(read(bytes(row({ 19: 'café 🍵' })))).toMatchObject({ userActivityLabel: 'café 🍵' })
  })

  it.each([
    ['ROW_CELLS_MISCOUNTED', `${row()},`],
    ['ROW_CELLS_MISCOUNTED', '2024-05-01 10:00:00.000'],
    ['ROW_CELLS_MISCOUNTED', row({ 19: '"left open' })],
    ['ROW_CELLS_MISCOUNTED', row({ 19: '"closed" early' })],
    ['ROW_NUMBER_INVALID', row({ 3: '0x10' })],
    ['ROW_NUMBER_INVALID', row({ 3: '1,5'.replace(',', ';') })],
    ['ROW_NUMBER_INVALID', row({ 3: ' ' })],
    ['ROW_NUMBER_INVALID', row({ 15: '1.2.3' })],
    ['ROW_NUMBER_NOT_FINITE', row({ 1: 'nan' })],
    ['ROW_NUMBER_NOT_FINITE', row({ 17: '-Infinity' })],
    ['ROW_NUMBER_NOT_FINITE', row({ 4: '1e999' })],
    ['ROW_STAMP_INVALID', row({ 0: '' })],
    ['ROW_STAMP_INVALID', row({ 0: 'yesterday' })],
    ['ROW_STAMP_ABSURD', row({ 0: '1999-12-31 23:59:59.999' })],
    ['ROW_STAMP_ABSURD', row({ 0: '2025-01-02 00:00:00.001' })],
  ])('is refused with %s: %s', (code, text) => {
    expect(read(text)).toMatchObject({ code })
  })

  it('may be stamped up to a day ahead', () => {
    expect(read(row({ 0: '2025-01-02 00:00:00.000' }))).toMatchObject({ stamp: now + 86_400_000 })
  })

  it('is read back as it was written', () => {
    const number = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }).map(value => value + 0))
    const text = fc.option(
      fc.string({ unit: 'grapheme', minLength: 1 }).filter(value => !/[\r\n]/.test(value)),
    )
    const reading: fc.Arbitrary<SensorReading> = fc.record({
      deviceId: fc.constant('w1'),
      stamp: fc.integer({ min: Date.UTC(2000, 0, 1), max: now }),
      yaw: number,
      pitch: number,
      roll: number,
      rotationRateX: number,
      rotationRateY: number,
      rotationRateZ: number,
      userAccelerationX: number,
      userAccelerationY: number,
      userAccelerationZ: number,
      locationType: text,
      latitudeDistanceFromMean: number,
      longitudeDistanceFromMean: number,
      altitudeDistanceFromMean: number,
      course: number,
      speed: number,
      horizontalAccuracy: number,
      verticalAccuracy: number,
      batteryState: text,
      userActivityLabel: text,
    })
    fc.assert(
      fc.property(reading, value => {
        expect(read(bytes(formatRow(value).slice(0, -1)))).toEqual(value)
      }),
    )
  })
})

describe('a header', () => {
  const [names, types] = header.split('\n') as [string, string]

  it('has the 20 columns and their types', () => {
    expect(headerFault(names, types)).toBeUndefined()
    expect(names.split(',')).toHaveLength(20)
  })

  it.each([
    [undefined, undefined, 'it is empty'],
    ['a,b,c', types, 'it has 3 columns (a,b,c …), not 20'],
    [names.replace('pitch', 'tilt'), types, 'its column 3 is "tilt", not "pitch"'],
    [names, undefined, 'its second row does not hold the types of the columns (dt,f,f …)'],
    [names, row(), 'its second row does not hold the types of the columns (dt,f,f …)'],
  ])('is not %s / %s', (first, second, fault) => {
    expect(headerFault(first, second)).toBe(fault)
  })
})
