/** Records of the readings' topic as a Parquet file: one row a record, in the order of their offsets. */
import type { SchemaElement } from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { SensorReading } from '../../schemas/index.ts'

export interface ArchivedRecord {
  readonly offset: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly key: Buffer | null
  /** Null for a record without a value, and for one that cannot be read. */
  readonly reading: SensorReading | null
  /** The value of a record that cannot be read, so that nothing is lost. */
  readonly raw: Buffer | null
}

const numbers = [
  'yaw',
  'pitch',
  'roll',
  'rotationRateX',
  'rotationRateY',
  'rotationRateZ',
  'userAccelerationX',
  'userAccelerationY',
  'userAccelerationZ',
  'latitudeDistanceFromMean',
  'longitudeDistanceFromMean',
  'altitudeDistanceFromMean',
  'course',
  'speed',
  'horizontalAccuracy',
  'verticalAccuracy',
] as const satisfies (keyof SensorReading)[]
const texts = ['locationType', 'batteryState', 'userActivityLabel'] as const satisfies (keyof SensorReading)[]

const required = { repetition_type: 'REQUIRED' } as const
const optional = { repetition_type: 'OPTIONAL' } as const
const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const
const time = { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' } as const

const leaves: SchemaElement[] = [
  { name: 'offset', type: 'INT64', ...required },
  { name: 'timestamp', ...time, ...required },
  { name: 'device_id', ...text, ...optional },
  { name: 'stamp', ...time, ...optional },
  ...numbers.map((name): SchemaElement => ({ name: snake(name), type: 'DOUBLE', ...optional })),
  ...texts.map((name): SchemaElement => ({ name: snake(name), ...text, ...optional })),
  { name: 'raw', type: 'BYTE_ARRAY', ...optional },
]
const schema: SchemaElement[] = [{ name: 'reading', num_children: leaves.length }, ...leaves]

/** Takes rows in groups, so that a file of any size needs memory for its bytes and one group only. */
export class ReadingsFile {
  readonly #bytes = new ByteWriter()
  readonly #parquet = new ParquetWriter({ writer: this.#bytes, schema, createdBy: 'tickerwatch' })
  #rows = 0

  get rows(): number {
    return this.#rows
  }

  add(records: readonly ArchivedRecord[]): void {
    if (records.length === 0) return
    this.#rows += records.length
    const column = (name: string, value: (record: ArchivedRecord) => unknown) => ({
      name,
      data: records.map(value),
    })
    const date = (milliseconds: number | undefined) =>
      milliseconds === undefined ? null : new Date(milliseconds)
    void this.#parquet.write({
      rowGroupSize: records.length,
      columnData: [
        column('offset', record => BigInt(record.offset)),
        column('timestamp', record => date(record.timestamp)),
        column('device_id', record => record.reading?.deviceId ?? record.key?.toString('utf8') ?? null),
        column('stamp', record => date(record.reading?.stamp)),
        ...numbers.map(name => column(snake(name), ({ reading }) => reading?.[name] ?? null)),
        ...texts.map(name => column(snake(name), ({ reading }) => reading?.[name] ?? null)),
        column('raw', record => record.raw),
      ],
    })
  }

  /** The same records, added in the same groups, give the same bytes. */
  finish(): Uint8Array {
    void this.#parquet.finish()
    return this.#bytes.getBytes()
  }
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}
