/** Annotated windows as a Parquet file: one row an annotation. */
import type { SchemaElement } from 'hyparquet'
import { parquetReadObjects } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { z } from 'zod'
import type { Annotation } from '../../schemas/index.ts'

/** An annotation, as far as it is learned from, and where it stands in the log; `logId` is the identity of the topic. */
export interface StoredAnnotation extends Omit<Annotation, 'confidence'> {
  readonly logId: string
  readonly partition: number
  readonly offset: number
}

const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const
const time = { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' } as const

/** Columns by the names of the fields, in snake case; times in UTC, features a list of 32-bit floats. */
const schema: SchemaElement[] = [
  { name: 'annotation', num_children: 16 },
  { name: 'device_id', ...text, repetition_type: 'REQUIRED' },
  { name: 'window_start', ...time, repetition_type: 'REQUIRED' },
  { name: 'window_end', ...time, repetition_type: 'REQUIRED' },
  { name: 'verdict', ...text, repetition_type: 'REQUIRED' },
  { name: 'label', ...text, repetition_type: 'OPTIONAL' },
  { name: 'annotator', ...text, repetition_type: 'REQUIRED' },
  { name: 'annotated_at', ...time, repetition_type: 'REQUIRED' },
  { name: 'arm', ...text, repetition_type: 'REQUIRED' },
  { name: 'predicted', ...text, repetition_type: 'REQUIRED' },
  { name: 'model_name', ...text, repetition_type: 'REQUIRED' },
  { name: 'model_version', ...text, repetition_type: 'REQUIRED' },
  { name: 'feature_schema_hash', ...text, repetition_type: 'REQUIRED' },
  { name: 'features', num_children: 1, converted_type: 'LIST', repetition_type: 'REQUIRED' },
  { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
  { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
  { name: 'log_id', ...text, repetition_type: 'REQUIRED' },
  { name: 'partition', type: 'INT32', repetition_type: 'REQUIRED' },
  { name: 'offset', type: 'INT64', repetition_type: 'REQUIRED' },
]

/** The same rows give the same bytes. */
export function encodeSamples(rows: readonly StoredAnnotation[]): Uint8Array {
  const column = (name: string, value: (row: StoredAnnotation) => unknown) => ({
    name,
    data: rows.map(value),
  })
  const date = (milliseconds: number): Date => new Date(milliseconds)
  return new Uint8Array(
    parquetWriteBuffer({
      schema,
      createdBy: 'tickerwatch',
      columnData: [
        column('device_id', row => row.deviceId),
        column('window_start', row => date(row.windowStart)),
        column('window_end', row => date(row.windowEnd)),
        column('verdict', row => row.verdict),
        column('label', row => row.label),
        column('annotator', row => row.annotator),
        column('annotated_at', row => date(row.annotatedAt)),
        column('arm', row => row.arm),
        column('predicted', row => row.predicted),
        column('model_name', row => row.modelName),
        column('model_version', row => row.modelVersion),
        column('feature_schema_hash', row => row.featureSchemaHash),
        column('features', row => [...row.features]),
        column('log_id', row => row.logId),
        column('partition', row => row.partition),
        column('offset', row => BigInt(row.offset)),
      ],
    }),
  )
}

const date = z.date().transform(value => value.getTime())
const rowSchema = z
  .object({
    device_id: z.string(),
    window_start: date,
    window_end: date,
    verdict: z.enum(['labelled', 'cannotTell', 'withdrawn']),
    label: z.string().nullish(),
    annotator: z.string(),
    annotated_at: date,
    arm: z.enum(['unsure', 'random']),
    predicted: z.string(),
    model_name: z.string(),
    model_version: z.string(),
    feature_schema_hash: z.string(),
    features: z.array(z.number()),
    log_id: z.string(),
    partition: z.number(),
    offset: z.bigint().transform(Number),
  })
  .transform(
    (row): StoredAnnotation => ({
      deviceId: row.device_id,
      windowStart: row.window_start,
      windowEnd: row.window_end,
      verdict: row.verdict,
      label: row.label ?? null,
      annotator: row.annotator,
      annotatedAt: row.annotated_at,
      arm: row.arm,
      predicted: row.predicted,
      modelName: row.model_name,
      modelVersion: row.model_version,
      featureSchemaHash: row.feature_schema_hash,
      features: row.features,
      logId: row.log_id,
      partition: row.partition,
      offset: row.offset,
    }),
  )

/** @throws an Error where the bytes are no such file */
export async function decodeSamples(bytes: Uint8Array): Promise<StoredAnnotation[]> {
  const file = Uint8Array.from(bytes).buffer
  return z.array(rowSchema).parse(await parquetReadObjects({ file }))
}
