/**
 * The table `predictions`: one row for each record of the topic, unique by (log identity, partition, offset). Rows travel
 * as CSV, which every database reads in bulk: PostgreSQL from its connection, Redshift from S3. Parquet would not do:
 * Redshift loads no timestamps with time zone from it.
 */
import type { Prediction } from '../../schemas/index.ts'
import { TickerError } from '../../topology/index.ts'
import { sqlTimestamp } from './sql.ts'

/** Where a record stands in the log; `logId` is the topic's identity. */
export interface RecordPlace {
  readonly logId: string
  readonly partition: number
  readonly offset: number
}

export const predictionColumns: readonly string[] = [
  'device_id',
  'window_start',
  'window_end',
  'samples',
  'label',
  'confidence',
  'margin',
  'probabilities',
  'route',
  'model_name',
  'model_version',
  'feature_schema_hash',
  'log_id',
  '"partition"',
  '"offset"',
  'inserted_at',
]

/** Bytes in UTF-8: of Redshift's columns, and held to everywhere, so that rows can move from one database to another. */
const TEXT_LIMIT = 1_024
const PROBABILITIES_LIMIT = 65_535

/**
 * A line of CSV (RFC 4180), with the columns in their order and every text in quotes.
 * @throws TickerError RECORD_INVALID for what no row can hold
 */
export function predictionLine(prediction: Prediction, place: RecordPlace, insertedAt: number): string {
  const { confidence, margin, samples, route } = prediction
  const model = `${text('modelName', prediction.modelName)},${text('modelVersion', prediction.modelVersion)}`
  const features = text('featureSchemaHash', prediction.featureSchemaHash)
  const device = text('deviceId', prediction.deviceId)
  const label = text('label', prediction.label)
  const window = `${timestamp('windowStart', prediction.windowStart)},${timestamp('windowEnd', prediction.windowEnd)}`
  const shares = text('probabilities', probabilities(prediction), PROBABILITIES_LIMIT)
  const where = `${text('logId', place.logId)},${place.partition},${place.offset}`
  const at = timestamp('insertedAt', insertedAt)
  return `${device},${window},${samples},${label},${confidence},${margin},${shares},${route},${model},${features},${where},${at}\n`
}

/** Code points that are no characters: PostgreSQL's text lacks NUL, and Redshift refuses a file with one of the others. */
const noCharacter = /[\0\p{Noncharacter_Code_Point}]/u
/** Cheaper than the exact test, and true of nearly every text. */
const plain = /^[\x20-\x21\x23-\x7e]*$/

function text(field: string, value: string, limit = TEXT_LIMIT): string {
  if (value.length <= limit && plain.test(value)) return `"${value}"`
  if (noCharacter.test(value))
    throw new TickerError('RECORD_INVALID', `${field} holds a NUL, or another code point that SQL text lacks`)
  if (Buffer.byteLength(value) > limit)
    throw new TickerError('RECORD_INVALID', `${field} has more than ${limit} bytes`)
  return `"${value.replaceAll('"', '""')}"`
}

/** Years 1970 to 9999: beyond them databases read dates differently. */
function timestamp(field: string, milliseconds: number): string {
  if (!(milliseconds >= 0 && milliseconds < 253_402_300_800_000))
    throw new TickerError('RECORD_INVALID', `${field} is no time between 1970 and 9999: ${milliseconds}`)
  return sqlTimestamp(milliseconds)
}

/** As JSON. */
function probabilities({ probabilities }: Prediction): string {
  return JSON.stringify(Array.from(probabilities, shortestFloat))
}

/** The shortest decimal that reads back as the same 32-bit float: 0.1 rather than 0.10000000149011612. */
function shortestFloat(value: number): number {
  // By division, which is exact to the last digit, because writing and reading digits costs ten times as much.
  for (let scale = 1e6; scale <= 1e12; scale *= 10) {
    const short = Math.round(value * scale) / scale
    if (Math.fround(short) === value) return short
  }
  return Number(value.toPrecision(9))
}
