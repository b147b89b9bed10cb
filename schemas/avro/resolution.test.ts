import avsc from 'avsc'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SchemaErrorCode } from '../errors.ts'
import { arbitraryOf, recordJson } from './arbitraries.ts'
import { cursor, decoder } from './decoder.ts'
import { parseSchema } from './schema.ts'
import type { AvroType, Decode } from './type.ts'

/** A reader of which only the schema counts. */
function readerOf(schema: object): AvroType<Record<string, unknown>> {
  const unused = (): never => {
    throw new Error('not used here')
  }
  return { name: 'test', schema, fingerprint: '', encode: unused, decode: unused }
}

function record(...fields: object[]): object {
  return { type: 'record', name: 'R', fields }
}

/** Decodes with one field x: what the writer wrote as `from`, read as `to`. */
function reading(from: unknown, to: unknown): Decode<Record<string, unknown>> {
  return decoder(readerOf(record({ name: 'x', type: to })), { writer: record({ name: 'x', type: from }) })
}

function written(schema: unknown, value: unknown): Buffer {
  return avsc.Type.forSchema(record({ name: 'x', type: schema }) as avsc.Schema, {
    wrapUnions: false,
  }).toBuffer({ x: value })
}

function raised(code: SchemaErrorCode): object {
  return expect.objectContaining({ code })
}

describe('any schema, any change of it: as avsc resolves it', () => {
  test('the same schema, all fields and some', () => {
    fc.assert(
      fc.property(withValue(recordJson), fc.nat(), ([schema, value], pick) => {
        const peer = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: false })
        const bytes = peer.toBuffer(value)
        const type = readerOf(schema)
        expect(decoder(type, { writer: schema })(bytes)).toEqual(value)
        expect(cursor(type)(bytes)).toEqual(value)
        const fields = Object.keys(value).filter((_, at) => (pick >> at) & 1)
        const some = Object.fromEntries(fields.map(name => [name, value[name]]))
        expect(decoder(type, { fields })(bytes)).toEqual(some)
        expect(cursor(type, { fields })(bytes)).toEqual(some)
      }),
    )
  })

  test('fields removed, added with a default, put into another order; numbers promoted; nulls allowed', () => {
    fc.assert(
      fc.property(
        withValue(recordJson),
        fc.infiniteStream(fc.nat({ max: 7 })),
        ([schema, value], choices) => {
          const changed = evolve(schema, () => choices.next().value)
          const writer = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: false })
          const reader = avsc.Type.forSchema(changed as avsc.Schema, { wrapUnions: false })
          const bytes = writer.toBuffer(value)
          const expected = reader.fromBuffer(bytes, reader.createResolver(writer))
          expect(decoder(readerOf(changed), { writer: schema })(bytes)).toEqual(plain(expected))
          expect(cursor(readerOf(changed), { writer: schema })(bytes)).toEqual(plain(expected))
        },
      ),
    )
  })
})

describe('promotions', () => {
  const kinds = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const

  test.each(kinds.flatMap(from => kinds.map(to => [from, to] as const)))('%s read as %s', (from, to) => {
    const [writer, reader] = [avsc.Type.forSchema(from), avsc.Type.forSchema(to)]
    let resolver: avsc.Resolver
    try {
      resolver = reader.createResolver(writer) as avsc.Resolver
    } catch {
      expect(() => reading(from, to)).toThrow(raised('SCHEMA_INCOMPATIBLE'))
      return
    }
    const decode = reading(from, to)
    fc.assert(
      fc.property(arbitraryOf(parseSchema(from)), value => {
        const expected = reader.fromBuffer(writer.toBuffer(value), resolver)
        const rounded = to === 'float' ? Math.fround(expected) : expected
        expect(decode(written(from, value))).toEqual({ x: rounded })
      }),
    )
  })
})

describe('enums', () => {
  const writer = { type: 'enum', name: 'E', symbols: ['A', 'B'] }

  test("are read by symbol, not by place, and an unknown symbol is the reader's default", () => {
    const decode = reading(writer, { type: 'enum', name: 'E', symbols: ['OTHER', 'B'], default: 'OTHER' })
    expect(decode(written(writer, 'A'))).toEqual({ x: 'OTHER' })
    expect(decode(written(writer, 'B'))).toEqual({ x: 'B' })
  })

  test('an unknown symbol without a default is an error of the value', () => {
    const decode = reading(writer, { type: 'enum', name: 'E', symbols: ['B'] })
    expect(decode(written(writer, 'B'))).toEqual({ x: 'B' })
    expect(() => decode(written(writer, 'A'))).toThrow(raised('AVRO_MALFORMED'))
  })

  test('of different names do not match', () => {
    expect(() => reading(writer, { ...writer, name: 'F' })).toThrow(raised('SCHEMA_INCOMPATIBLE'))
  })
})

describe('unions', () => {
  test('a branch that the reader cannot read is an error only when it is written', () => {
    const decode = reading(['null', 'string', 'int'], ['null', 'int'])
    expect(decode(written(['null', 'string', 'int'], 7))).toEqual({ x: 7 })
    expect(decode(written(['null', 'string', 'int'], null))).toEqual({ x: null })
    expect(() => decode(written(['null', 'string', 'int'], 'seven'))).toThrow(raised('AVRO_MALFORMED'))
  })

  test('the branch in question, where the reader has no union', () => {
    const decode = reading(['null', 'int'], 'double')
    expect(decode(written(['null', 'int'], 7))).toEqual({ x: 7 })
    expect(() => decode(written(['null', 'int'], null))).toThrow(raised('AVRO_MALFORMED'))
  })

  test('a double is not read as a float, also where only null is common', () => {
    const decode = reading(['null', 'double'], ['null', 'float'])
    expect(decode(written(['null', 'double'], null))).toEqual({ x: null })
    expect(() => decode(written(['null', 'double'], 7))).toThrow(raised('AVRO_MALFORMED'))
  })

  test('without a branch in common are refused at once', () => {
    expect(() => reading(['null', 'string'], 'double')).toThrow(raised('SCHEMA_INCOMPATIBLE'))
  })
})

describe('records', () => {
  const x = { name: 'x', type: 'int' }

  test('a field without a default that the writer lacks is refused, with its name', () => {
    const reader = readerOf(record(x, { name: 'y', type: 'int' }))
    expect(() => decoder(reader, { writer: record(x) })).toThrow(/R\.y has no default/)
  })

  test('defaults of every kind, made anew for each value', () => {
    const added = [
      { name: 'text', type: 'string', default: 'it\'s "so"\n\\ \u2028' },
      { name: 'bytes', type: 'bytes', default: '\u00ff\u0001' },
      { name: 'list', type: { type: 'array', items: 'int' }, default: [1, 2] },
      { name: 'map', type: { type: 'map', values: 'double' }, default: { "a'b": 1.5 } },
      { name: 'record', type: record2({ name: 'd', type: 'double', default: 2 }), default: {} },
      { name: 'nullable', type: ['null', 'string'], default: null },
    ]
    const decode = decoder(readerOf(record(x, ...added)), { writer: record(x) })
    const first = decode(Buffer.of(2))
    expect(first).toEqual({
      x: 1,
      text: 'it\'s "so"\n\\ \u2028',
      bytes: Buffer.of(255, 1),
      list: [1, 2],
      map: { "a'b": 1.5 },
      record: { d: 2 },
      nullable: null,
    })
    expect(decode(Buffer.of(2)).list).not.toBe(first.list)
  })

  test("a default that is none of its type is the schema's error", () => {
    const reader = readerOf(record({ name: 'y', type: 'int', default: 'one' }))
    expect(() => decoder(reader, { writer: record() })).toThrow(raised('SCHEMA_INVALID'))
  })

  test('a renamed field is found by its alias', () => {
    const reader = readerOf(record({ name: 'y', aliases: ['x'], type: 'long' }))
    expect(decoder(reader, { writer: record(x) })(Buffer.of(6))).toEqual({ y: 3 })
  })

  test('a writer that refers to itself can be passed over and read', () => {
    const tree = (...more: object[]) => ({
      type: 'record',
      name: 'Tree',
      fields: [{ name: 'next', type: ['null', 'Tree'], default: null }, ...more],
    })
    const writer = record({ name: 'tree', type: tree({ name: 'gone', type: 'string' }) }, x)
    const bytes = avsc.Type.forSchema(writer as avsc.Schema).toBuffer({
      tree: { next: { next: null, gone: 'a' }, gone: 'b' },
      x: 5,
    })
    expect(decoder(readerOf(record(x)), { writer })(bytes)).toEqual({ x: 5 })
    const reader = readerOf(record({ name: 'tree', type: tree() }))
    expect(decoder(reader, { writer })(bytes)).toEqual({ tree: { next: { next: null } } })
  })

  function record2(...fields: object[]): object {
    return { type: 'record', name: 'Inner', fields }
  }
})

type Json = { name: string; type: unknown; default?: unknown }

function withValue(schemas: fc.Arbitrary<object>): fc.Arbitrary<[object, Record<string, unknown>]> {
  return schemas.chain(schema =>
    arbitraryOf(parseSchema(schema)).map(
      value => [schema, value as Record<string, unknown>] as [object, Record<string, unknown>],
    ),
  )
}

/** A schema that reads what this one wrote: each choice, 0 to 7, decides on one change or none. */
function evolve(schema: object, choice: () => number): object {
  const { fields } = schema as { fields: Json[] }
  const named = (type: unknown): boolean => typeof type === 'object' && type !== null && 'name' in type
  const kept = fields
    .filter(field => named(field.type) || choice() > 1)
    .map(field => ({ ...field, type: widen(field.type, choice) }))
  if (choice() > 4) kept.push({ name: 'added', type: ['null', 'double'], default: null })
  if (choice() > 4) kept.push({ name: 'list', type: { type: 'array', items: 'string' }, default: ['x'] })
  // Named types stay behind their definition.
  const movable = kept.filter(field => !named(field.type))
  return {
    ...schema,
    fields: choice() > 3 ? [...kept.filter(field => named(field.type)), ...movable.reverse()] : kept,
  }
}

function widen(type: unknown, choice: () => number): unknown {
  if (type === 'int') return ['int', 'long', 'double', ['null', 'int']][choice() % 4]
  if (type === 'float') return choice() > 3 ? 'double' : 'float'
  if (type === 'double') return choice() > 3 ? ['double', 'null'] : 'double'
  if (Array.isArray(type)) return choice() > 3 ? [...type].reverse() : type
  if (typeof type === 'object' && type !== null) {
    if ('items' in type) return { ...type, items: widen(type.items, choice) }
    if ('values' in type) return { ...type, values: widen(type.values, choice) }
  }
  return type
}

/** avsc gives instances of its own classes. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value) || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}
