import { parquetMetadata, type SchemaElement } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, test } from 'vitest'
import { columnsOf } from './columns.ts'

/** The types of one column, written to a file and read again. */
function typeOf(...elements: readonly SchemaElement[]): string | undefined {
  const schema: SchemaElement[] = [{ name: 'row', num_children: 1 }, ...elements]
  const columnData = [{ name: elements[0]?.name ?? '', data: [] }]
  return columnsOf(parquetMetadata(parquetWriteBuffer({ schema, columnData })))[0]?.type
}

const optional = { name: 'c', repetition_type: 'OPTIONAL' } as const

test.each<[string, SchemaElement]>([
  ['boolean', { ...optional, type: 'BOOLEAN' }],
  ['int', { ...optional, type: 'INT32' }],
  ['smallint', { ...optional, type: 'INT32', converted_type: 'INT_16' }],
  ['date', { ...optional, type: 'INT32', converted_type: 'DATE' }],
  ['bigint', { ...optional, type: 'INT64' }],
  ['timestamp', { ...optional, type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' }],
  [
    'timestamp',
    {
      ...optional,
      type: 'INT64',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' },
    },
  ],
  ['float', { ...optional, type: 'FLOAT' }],
  ['double', { ...optional, type: 'DOUBLE' }],
  ['decimal(9,2)', { ...optional, type: 'INT32', converted_type: 'DECIMAL', precision: 9, scale: 2 }],
  ['string', { ...optional, type: 'BYTE_ARRAY', converted_type: 'UTF8' }],
  ['string', { ...optional, type: 'BYTE_ARRAY', logical_type: { type: 'STRING' } }],
  ['binary', { ...optional, type: 'BYTE_ARRAY' }],
])('%s', (type, element) => {
  expect(typeOf(element)).toBe(type)
})

test('lists, maps and structs, in one another', () => {
  const float: SchemaElement = { name: 'element', type: 'FLOAT', repetition_type: 'OPTIONAL' }
  const list = (name: string): SchemaElement[] => [
    { name, num_children: 1, converted_type: 'LIST', repetition_type: 'OPTIONAL' },
    { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
  ]
  const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const
  expect(typeOf(...list('c'), float)).toBe('array<float>')
  expect(typeOf(...list('c'), ...list('element'), float)).toBe('array<array<float>>')
  expect(
    typeOf(
      { name: 'c', num_children: 1, converted_type: 'MAP', repetition_type: 'OPTIONAL' },
      { name: 'key_value', num_children: 2, repetition_type: 'REPEATED' },
      { name: 'key', ...text, repetition_type: 'REQUIRED' },
      { name: 'value', type: 'INT64', repetition_type: 'OPTIONAL' },
    ),
  ).toBe('map<string,bigint>')
  expect(
    typeOf(
      ...list('c'),
      { name: 'element', num_children: 2, repetition_type: 'OPTIONAL' },
      { name: 'weight', type: 'DOUBLE', repetition_type: 'OPTIONAL' },
      ...list('Mean'),
      float,
    ),
  ).toBe('array<struct<weight:double,mean:array<float>>>')
})
