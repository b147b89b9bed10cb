/** What of a writer's schema the reader's can be read from (avro.apache.org/docs/1.12.0/specification/#schema-resolution). */
import { SchemaError } from '../errors.ts'
import type { Field, RecordSchema, Schema } from './schema.ts'
import { described, unqualified } from './schema.ts'
import { quoted } from './type-source.ts'

/** Whether the types match, the types within them aside. */
export function matches(from: Schema, to: Schema): boolean {
  switch (to.kind) {
    case 'record':
    case 'enum':
      return from.kind === to.kind && answersTo(to, from.name)
    case 'fixed':
      return from.kind === 'fixed' && from.size === to.size && answersTo(to, from.name)
    case 'long':
      return from.kind === 'int' || from.kind === 'long'
    case 'float':
      return from.kind === 'int' || from.kind === 'long' || from.kind === 'float'
    case 'double':
      return from.kind === 'int' || from.kind === 'long' || from.kind === 'float' || from.kind === 'double'
    case 'string':
    case 'bytes':
      return from.kind === 'string' || from.kind === 'bytes'
    default:
      return from.kind === to.kind
  }
}

function answersTo(
  to: { readonly name: string; readonly aliases: readonly string[] },
  name: string,
): boolean {
  return unqualified(to.name) === unqualified(name) || to.aliases.includes(name)
}

/** The writer's field that the reader's field is read from. */
export function sourceOf(field: Field, from: RecordSchema): Field | undefined {
  return (
    from.fields.find(source => source.name === field.name) ??
    from.fields.find(source => field.aliases.includes(source.name))
  )
}

/** The fewest bytes that a value takes. */
export function smallest(schema: Schema, within: readonly Schema[] = []): number {
  switch (schema.kind) {
    case 'null':
      return 0
    case 'float':
      return 4
    case 'double':
      return 8
    case 'fixed':
      return schema.size
    case 'union':
      return 1 + Math.min(...schema.branches.map(branch => smallest(branch, within)))
    case 'record':
      if (within.includes(schema)) return 0
      return schema.fields.reduce((sum, field) => sum + smallest(field.schema, [...within, schema]), 0)
    default:
      return 1
  }
}

/** A default as source text, made anew for each value. */
export function literal(schema: Schema, json: unknown, path: string): string {
  const wrong = (): never => {
    throw new SchemaError('SCHEMA_INVALID', `the default of ${path} is no ${described(schema)}`)
  }
  switch (schema.kind) {
    case 'null':
      return json === null ? 'null' : wrong()
    case 'boolean':
      return typeof json === 'boolean' ? String(json) : wrong()
    case 'int':
    case 'long':
      return Number.isSafeInteger(json) ? String(json) : wrong()
    case 'float':
    case 'double':
      return typeof json === 'number' ? String(json) : wrong()
    case 'string':
      return typeof json === 'string' ? quoted(json) : wrong()
    case 'bytes':
      return typeof json === 'string' ? `Buffer.from(${quoted(json)}, 'latin1')` : wrong()
    case 'fixed':
      return typeof json === 'string' && json.length === schema.size
        ? `Buffer.from(${quoted(json)}, 'latin1')`
        : wrong()
    case 'enum':
      return typeof json === 'string' && schema.symbols.includes(json) ? quoted(json) : wrong()
    case 'array':
      if (!Array.isArray(json)) return wrong()
      return `[${json.map(item => literal(schema.items, item, path)).join(', ')}]`
    case 'union':
      // The specification's later versions allow any branch, the earlier ones the first.
      return oneOf(schema.branches, branch => literal(branch, json, path)) ?? wrong()
    default: {
      if (typeof json !== 'object' || json === null || Array.isArray(json)) return wrong()
      const entries = new Map(Object.entries(json))
      if (schema.kind === 'map') {
        const items = [...entries].map(
          ([key, value]) => `[${quoted(key)}]: ${literal(schema.values, value, path)}`,
        )
        return `Object.assign(Object.create(null), { ${items.join(', ')} })`
      }
      const items = schema.fields.map(field => {
        const inner = entries.has(field.name)
          ? entries.get(field.name)
          : field.default === undefined
            ? wrong()
            : field.default.json
        return `${field.name}: ${literal(field.schema, inner, `${path}.${field.name}`)}`
      })
      return `{ ${items.join(', ')} }`
    }
  }
}

function oneOf<S>(choices: readonly S[], attempt: (choice: S) => string): string | undefined {
  for (const choice of choices) {
    try {
      return attempt(choice)
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
    }
  }
  return undefined
}

export function incompatible(path: string, from: Schema, to: Schema): SchemaError {
  return new SchemaError(
    'SCHEMA_INCOMPATIBLE',
    `${path}: ${described(from)} cannot be read as ${described(to)}`,
  )
}
