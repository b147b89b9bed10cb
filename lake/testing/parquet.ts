/** Small Parquet files for tests. */
import type { SchemaElement } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'

/** Column → its Parquet type and its values; all of them optional. */
export type TestColumns = Readonly<
  Record<string, Omit<SchemaElement, 'name'> & { readonly values: readonly unknown[] }>
>

export const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const
export const long = { type: 'INT64' } as const
export const double = { type: 'DOUBLE' } as const
export const time = { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' } as const

export function parquetBytes(columns: TestColumns): Buffer {
  const leaves = Object.entries(columns).map(
    ([name, { values: _, ...element }]): SchemaElement => ({
      ...element,
      name,
      repetition_type: 'OPTIONAL',
    }),
  )
  const schema: SchemaElement[] = [{ name: 'row', num_children: leaves.length }, ...leaves]
  const columnData = Object.entries(columns).map(([name, { values }]) => ({ name, data: [...values] }))
  return Buffer.from(parquetWriteBuffer({ schema, columnData }))
}
