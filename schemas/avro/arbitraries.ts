/** Random schemas and values for property tests: every construct that decoders are generated for. */
import fc from 'fast-check'
import type { Schema } from './schema.ts'

/** A random value of the schema, as decoders give it. */
export function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
  switch (schema.kind) {
    case 'null':
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    case 'int':
      return fc.integer()
    case 'long':
      // avsc rounds below -2^52, whose zig-zag code no double holds.
      return fc.oneof(
        fc.integer({ min: -(2 ** 52), max: 2 ** 52 }),
        fc.integer(),
        fc.integer({ min: -70, max: 70 }),
      )
    case 'float':
      return fc.float()
    case 'double':
      return fc.double()
    case 'string':
      return fc.oneof(fc.string({ unit: 'binary' }), fc.string({ maxLength: 80 }))
    case 'bytes':
      return fc.uint8Array().map(bytes => Buffer.from(bytes))
    case 'fixed':
      return fc
        .uint8Array({ minLength: schema.size, maxLength: schema.size })
        .map(bytes => Buffer.from(bytes))
    case 'enum':
      return fc.constantFrom(...schema.symbols)
    case 'array':
      return fc.array(arbitraryOf(schema.items), { maxLength: 5 })
    case 'map':
      return fc.dictionary(fc.string({ maxLength: 6 }), arbitraryOf(schema.values), {
        maxKeys: 4,
        noNullPrototype: true,
      })
    case 'union':
      return fc.oneof(...schema.branches.map(arbitraryOf))
    case 'record':
      return fc.record(
        Object.fromEntries(schema.fields.map(field => [field.name, arbitraryOf(field.schema)])),
      )
  }
}

const PRIMITIVES = ['boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const

/** The JSON of a type without names; unions are of null and one type, as encoders write them. */
const unnamed: fc.Arbitrary<unknown> = fc.letrec<{ type: unknown; plain: unknown }>(tie => ({
  plain: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(...PRIMITIVES),
    tie('type').map(items => ({ type: 'array', items })),
    tie('type').map(values => ({ type: 'map', values })),
  ),
  type: fc.oneof(
    { maxDepth: 3 },
    tie('plain'),
    tie('plain').map(type => ['null', type]),
    tie('plain').map(type => [type, 'null']),
  ),
})).type

/** The JSON of a record with fields f0, f1, …, an enum and a nested record among them. */
export const recordJson: fc.Arbitrary<object> = fc
  .record({
    types: fc.array(unnamed, { maxLength: 6 }),
    inner: unnamed,
    symbols: fc.subarray(['A', 'B', 'C', 'D'], { minLength: 1 }),
  })
  .map(({ types, inner, symbols }) => ({
    type: 'record',
    name: 'R',
    namespace: 'n',
    fields: [
      ...types,
      { type: 'enum', name: 'E', symbols },
      {
        type: 'record',
        name: 'I',
        fields: [
          { name: 'x', type: inner },
          { name: 'e', type: 'E' },
        ],
      },
      { type: 'fixed', name: 'F', size: 3 },
    ].map((type, index) => ({ name: `f${index}`, type })),
  }))
