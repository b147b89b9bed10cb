/** The table `predictions`: one row for each record of the topic, unique by (log identity, partition, offset). */
import type { Prediction } from '../../schemas/index.ts'
import { TickerError } from '../../topology/index.ts'
import type { SqlSession, SqlValue } from './sql.ts'

/** Where a record stands in the log; `logId` is the topic's identity. */
export interface RecordPlace {
  readonly logId: string
  readonly partition: number
  readonly offset: number
}

export type PredictionRow = readonly SqlValue[]

const columns = [
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

/** A statement may have 65,535 parameters in PostgreSQL and 32,767 in Redshift. */
const rowsPerInsert = Math.floor(32_767 / columns.length)

/** @throws TickerError RECORD_INVALID for what no row can hold */
export function predictionRow(prediction: Prediction, place: RecordPlace, insertedAt: number): PredictionRow {
  return [
    text('deviceId', prediction.deviceId),
    timestamp('windowStart', prediction.windowStart),
    timestamp('windowEnd', prediction.windowEnd),
    prediction.samples,
    text('label', prediction.label),
    prediction.confidence,
    prediction.margin,
    JSON.stringify(Array.from(prediction.probabilities, shortestFloat)),
    prediction.route,
    text('modelName', prediction.modelName),
    text('modelVersion', prediction.modelVersion),
    text('featureSchemaHash', prediction.featureSchemaHash),
    place.logId,
    place.partition,
    place.offset,
    timestamp('insertedAt', insertedAt),
  ]
}

export async function insertPredictions(session: SqlSession, rows: readonly PredictionRow[]): Promise<void> {
  for (let at = 0; at < rows.length; at += rowsPerInsert) {
    const some = rows.slice(at, at + rowsPerInsert)
    const tuples = some.map(
      (_, row) => `(${columns.map((_, column) => `$${row * columns.length + column + 1}`).join(', ')})`,
    )
    await session.query(
      `insert into predictions (${columns.join(', ')}) values ${tuples.join(', ')}`,
      some.flat(),
    )
  }
}

/** PostgreSQL's text holds every character but one. */
function text(field: string, value: string): string {
  if (value.includes('\0'))
    throw new TickerError('RECORD_INVALID', `${field} holds a NUL character, which no SQL text can`)
  return value
}

/** Years 1970 to 9999: beyond them databases read ISO 8601 differently. */
function timestamp(field: string, milliseconds: number): string {
  if (!(milliseconds >= 0 && milliseconds < 253_402_300_800_000))
    throw new TickerError('RECORD_INVALID', `${field} is no time between 1970 and 9999: ${milliseconds}`)
  return new Date(milliseconds).toISOString()
}

/** The shortest decimal that reads back as the same 32-bit float: 0.1 rather than 0.10000000149011612. */
function shortestFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
}
