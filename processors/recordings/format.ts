/**
 * The CASAS smartwatch file format (casas.wsu.edu/datasets/smartwatch): comma-separated text, a row of column names,
 * a row of their types (`dt` stamp, `f` number, `s` text), then a row per sample; an empty cell is a missing value.
 *
 * A row is always one line: a cell may be quoted as in RFC 4180, but a quote left open ends with its line, so that a
 * stray one costs a row and not the rest of the file (which is why no CSV library reads it).
 */
import type { SensorReading } from '../../schemas/index.ts'
import type { ApplicationErrorCode } from '../errors.ts'
import { isCredible } from '../readings.ts'
import { formatStamp } from './stamps.ts'

type Column = readonly [name: string, type: 'dt' | 'f' | 's', field: Exclude<keyof SensorReading, 'deviceId'>]

/** In the order of the file. */
const columns: readonly Column[] = [
  ['stamp', 'dt', 'stamp'],
  ['yaw', 'f', 'yaw'],
  ['pitch', 'f', 'pitch'],
  ['roll', 'f', 'roll'],
  ['rotation_rate_x', 'f', 'rotationRateX'],
  ['rotation_rate_y', 'f', 'rotationRateY'],
  ['rotation_rate_z', 'f', 'rotationRateZ'],
  ['user_acceleration_x', 'f', 'userAccelerationX'],
  ['user_acceleration_y', 'f', 'userAccelerationY'],
  ['user_acceleration_z', 'f', 'userAccelerationZ'],
  ['location_type', 's', 'locationType'],
  ['latitude_distance_from_mean', 'f', 'latitudeDistanceFromMean'],
  ['longitude_distance_from_mean', 'f', 'longitudeDistanceFromMean'],
  ['altitude_distance_from_mean', 'f', 'altitudeDistanceFromMean'],
  ['course', 'f', 'course'],
  ['speed', 'f', 'speed'],
  ['horizontal_accuracy', 'f', 'horizontalAccuracy'],
  ['vertical_accuracy', 'f', 'verticalAccuracy'],
  ['battery_state', 's', 'batteryState'],
  ['user_activity_label', 's', 'userActivityLabel'],
]

const names = columns.map(([name]) => name).join(',')
const types = columns.map(([, type]) => type).join(',')

/** The two rows every recording begins with, each with its line end. */
export const header = `${names}\n${types}\n`

/** Why these first two lines are not those of a recording; undefined if they are. */
export function headerFault(first: string | undefined, second: string | undefined): string | undefined {
  if (first === undefined || first === '') return 'it is empty'
  if (first !== names) {
    const found = first.split(',')
    const shown = found.slice(0, 3).join(',').slice(0, 60)
    if (found.length !== columns.length)
      return `it has ${found.length} columns (${shown} …), not ${columns.length}`
    const at = columns.findIndex(([name], index) => name !== found[index])
    return `its column ${at + 1} is "${found[at]!.slice(0, 60)}", not "${columns[at]![0]}"`
  }
  if (second !== types) return 'its second row does not hold the types of the columns (dt,f,f …)'
  return undefined
}

/** A row that is no reading, and why. */
export interface RowFault {
  readonly code: ApplicationErrorCode
  readonly text: string
}

/**
 * Reads the rows of one device's file, given without their line ends and with one character per byte (latin1).
 * `now` is in milliseconds since the epoch.
 */
export function rowReader(
  deviceId: string,
  readStamp: (text: string) => number,
  now: () => number,
): (row: string) => SensorReading | RowFault {
  let fault: RowFault | undefined

  const number = (cells: readonly string[], column: number): number | null => {
    const cell = cells[column]!
    if (cell === '') return null
    if (DECIMAL.test(cell)) {
      const value = Number(cell)
      if (Number.isFinite(value)) return value
    } else if (!NOT_FINITE.test(cell)) {
      fault ??= {
        code: 'ROW_NUMBER_INVALID',
        text: `${columns[column]![0]} is "${shown(cell)}", not a number`,
      }
      return null
    }
    fault ??= { code: 'ROW_NUMBER_NOT_FINITE', text: `${columns[column]![0]} is ${shown(cell)}` }
    return null
  }

  return row => {
    const cells = row.includes('"') ? splitQuoted(row) : row.split(',')
    if (cells === undefined || cells.length !== columns.length) {
      const text = cells === undefined ? 'a quote is out of place' : `it has ${cells.length} cells`
      return { code: 'ROW_CELLS_MISCOUNTED', text: `${text}; a row has ${columns.length}` }
    }
    const stamp = readStamp(cells[0]!)
    if (Number.isNaN(stamp)) return { code: 'ROW_STAMP_INVALID', text: `stamp is "${shown(cells[0]!)}"` }
    if (!isCredible(stamp, now())) return { code: 'ROW_STAMP_ABSURD', text: `stamp is ${shown(cells[0]!)}` }
    fault = undefined
    // One literal with all fields in their order: readings that share a shape are cheap to read.
    const reading: SensorReading = {
      deviceId,
      stamp,
      yaw: number(cells, 1),
      pitch: number(cells, 2),
      roll: number(cells, 3),
      rotationRateX: number(cells, 4),
      rotationRateY: number(cells, 5),
      rotationRateZ: number(cells, 6),
      userAccelerationX: number(cells, 7),
      userAccelerationY: number(cells, 8),
      userAccelerationZ: number(cells, 9),
      locationType: text(cells[10]!),
      latitudeDistanceFromMean: number(cells, 11),
      longitudeDistanceFromMean: number(cells, 12),
      altitudeDistanceFromMean: number(cells, 13),
      course: number(cells, 14),
      speed: number(cells, 15),
      horizontalAccuracy: number(cells, 16),
      verticalAccuracy: number(cells, 17),
      batteryState: text(cells[18]!),
      userActivityLabel: text(cells[19]!),
    }
    return fault ?? reading
  }
}

/** The row of a reading, with its line end. Line breaks in a text become spaces: a row is one line. */
export function formatRow(reading: SensorReading): string {
  let row = formatStamp(reading.stamp)
  for (let i = 1; i < columns.length; i++) {
    const value = reading[columns[i]![2]]
    row += ','
    if (typeof value === 'number') row += value
    else if (value !== null) row += quote(value)
  }
  return `${row}\n`
}

const DECIMAL = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/
const NOT_FINITE = /^[-+]?(?:nan|inf|infinity)$/i

function shown(cell: string): string {
  return cell.length > 40 ? `${cell.slice(0, 40)}…` : cell
}

function text(cell: string): string | null {
  if (cell === '') return null
  // biome-ignore lint/suspicious/noControlCharactersInRegex: beyond ASCII the characters are bytes of UTF-8
  return /^[\x00-\x7f]*$/.test(cell) ? cell : Buffer.from(cell, 'latin1').toString('utf8')
}

function quote(value: string): string {
  const line = value.replace(/[\r\n]+/g, ' ')
  return /[",]/.test(line) ? `"${line.replaceAll('"', '""')}"` : line
}

/** Undefined if a quote is left open or closes within a cell. */
function splitQuoted(row: string): string[] | undefined {
  const cells: string[] = []
  let at = 0
  for (;;) {
    if (row[at] !== '"') {
      const comma = row.indexOf(',', at)
      cells.push(row.slice(at, comma < 0 ? row.length : comma))
      if (comma < 0) return cells
      at = comma + 1
      continue
    }
    let cell = ''
    for (at++; ; at++) {
      const close = row.indexOf('"', at)
      if (close < 0) return undefined
      cell += row.slice(at, close)
      at = close + 1
      if (row[at] !== '"') break
      cell += '"'
    }
    cells.push(cell)
    if (at >= row.length) return cells
    if (row[at] !== ',') return undefined
    at++
  }
}
