/** Decoders made at run time: for other writers' schemas, for some fields only, or into one reused object. */
import { SchemaError } from '../errors.ts'
import { decoderSource } from './decoder-source.ts'
import { input } from './input.ts'
import type { RecordSchema } from './schema.ts'
import { parseSchema } from './schema.ts'
import type { AvroType, Decode } from './type.ts'

export interface DecoderSpec<K> {
  /** The schema that the bytes were written with, as JSON; the type's own, if absent. */
  readonly writer?: unknown
  /** The fields wanted; the others are passed over, which costs little. All, if absent. */
  readonly fields?: readonly K[]
}

/**
 * A decoder of what `writer` wrote, as values of `type`, by Avro's schema resolution. Making one takes about a
 * millisecond: keep it.
 * @throws SchemaError SCHEMA_INVALID, SCHEMA_INCOMPATIBLE
 */
export function decoder<T extends object>(type: AvroType<T>, spec?: DecoderSpec<never>): Decode<T>
export function decoder<T extends object, K extends keyof T & string>(
  type: AvroType<T>,
  spec: DecoderSpec<K>,
): Decode<Pick<T, K>>
export function decoder<T extends object, K extends keyof T & string>(
  type: AvroType<T>,
  spec: DecoderSpec<K> = {},
): Decode<Pick<T, K>> {
  return compile(type.schema, spec, false)
}

/**
 * A decoder of records of a schema for which there is no type, as they were written: for looking at them.
 * @throws SchemaError SCHEMA_INVALID, also when it is no record's
 */
export function untypedDecoder(schema: unknown): Decode<object> {
  return compile<Record<string, unknown>, string>(schema, {}, false)
}

/**
 * The same, but every call fills and returns one and the same object: its fields hold until the next call. For code
 * that looks at each value once.
 */
export function cursor<T extends object>(type: AvroType<T>, spec?: DecoderSpec<never>): Decode<T>
export function cursor<T extends object, K extends keyof T & string>(
  type: AvroType<T>,
  spec: DecoderSpec<K>,
): Decode<Pick<T, K>>
export function cursor<T extends object, K extends keyof T & string>(
  type: AvroType<T>,
  spec: DecoderSpec<K> = {},
): Decode<Pick<T, K>> {
  return compile(type.schema, spec, true)
}

function compile<T extends object, K extends keyof T & string>(
  schema: unknown,
  spec: DecoderSpec<K>,
  reuse: boolean,
): Decode<Pick<T, K>> {
  const reader = recordSchema(schema)
  const writer = spec.writer === undefined ? reader : parseSchema(spec.writer)
  const { text, entry } = decoderSource(writer, reader, { fields: spec.fields, reuse })
  // Every name and text in this source comes from a parsed schema: names are checked there, texts are quoted.
  const make = new Function(
    'input',
    `'use strict'
${text}
return function decode(bytes, at = 0, end = bytes.length) {
  input.begin(bytes, at, end)
  const value = ${entry}()
  input.finish()
  return value
}`,
  )
  return make(input)
}

/** @throws SchemaError SCHEMA_INVALID when it is no record's schema */
export function recordSchema(json: unknown): RecordSchema {
  const schema = parseSchema(json)
  if (schema.kind !== 'record')
    throw new SchemaError('SCHEMA_INVALID', `a record is wanted, not ${schema.kind}`)
  return schema
}
