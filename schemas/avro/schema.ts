/** Avro schemas as data: parsed, checked, names resolved. */
import { createHash } from 'node:crypto'
import { SchemaError } from '../errors.ts'

export type Primitive = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'

export type Schema =
  | PrimitiveSchema
  | RecordSchema
  | EnumSchema
  | FixedSchema
  | ArraySchema
  | MapSchema
  | UnionSchema

export interface PrimitiveSchema {
  readonly kind: Primitive
  readonly logicalType?: string
}

export interface RecordSchema {
  readonly kind: 'record'
  /** Full name: namespace and name. */
  readonly name: string
  readonly aliases: readonly string[]
  readonly doc?: string
  readonly fields: readonly Field[]
}

export interface Field {
  readonly name: string
  readonly aliases: readonly string[]
  readonly doc?: string
  readonly schema: Schema
  /** As JSON; absent and null differ. */
  readonly default?: { readonly json: unknown }
}

export interface EnumSchema {
  readonly kind: 'enum'
  readonly name: string
  readonly aliases: readonly string[]
  readonly doc?: string
  readonly symbols: readonly string[]
  /** Stands for a writer's symbol that the reader does not know. */
  readonly default?: string
}

export interface FixedSchema {
  readonly kind: 'fixed'
  readonly name: string
  readonly aliases: readonly string[]
  readonly size: number
}

export interface ArraySchema {
  readonly kind: 'array'
  readonly items: Schema
}

export interface MapSchema {
  readonly kind: 'map'
  readonly values: Schema
}

export interface UnionSchema {
  readonly kind: 'union'
  readonly branches: readonly Schema[]
}

const PRIMITIVES: readonly string[] = [
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
] satisfies Primitive[]
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const MAX_FIXED = 1 << 20

/**
 * Parses a schema's JSON. What the specification does not know (other attributes, logical types) is ignored, as it
 * asks for. Names are checked strictly, because decoders are generated from schemas that others wrote.
 * @throws SchemaError SCHEMA_INVALID
 */
export function parseSchema(json: unknown): Schema {
  return parse(json, '', new Map())
}

/**
 * Identifies what decides the meaning of the bytes: names, order, types, symbols, sizes and logical types, but not
 * docs, defaults or aliases (Avro's parsing canonical form, and logical types with it).
 */
export function fingerprint(schema: Schema): string {
  return createHash('sha256')
    .update(JSON.stringify(canonical(schema, new Set())))
    .digest('hex')
    .slice(0, 16)
}

/** The last part of a full name, by which a writer's type is matched with the reader's. */
export function unqualified(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** For messages: a name, or the kind of an unnamed type. */
export function described(schema: Schema): string {
  if (schema.kind === 'union') return `[${schema.branches.map(described).join(', ')}]`
  return 'name' in schema ? schema.name : schema.kind
}

function parse(json: unknown, namespace: string, names: Map<string, Schema>): Schema {
  if (typeof json === 'string') return named(json, namespace, names)
  if (Array.isArray(json)) return union(json, namespace, names)
  if (!isObject(json)) throw invalid(`${JSON.stringify(json)} is no schema`)
  switch (json.type) {
    case 'record':
    case 'error':
      return record(json, namespace, names)
    case 'enum':
      return enumeration(json, namespace, names)
    case 'fixed': {
      const size = json.size
      if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > MAX_FIXED) {
        throw invalid(`a fixed's size is a whole number up to ${MAX_FIXED}`)
      }
      return declare({ kind: 'fixed', ...naming(json, namespace), size }, names)
    }
    case 'array':
      return { kind: 'array', items: parse(json.items, namespace, names) }
    case 'map':
      return { kind: 'map', values: parse(json.values, namespace, names) }
    default: {
      const inner = parse(json.type, namespace, names)
      if (isPrimitive(inner) && typeof json.logicalType === 'string')
        return { ...inner, logicalType: json.logicalType }
      return inner
    }
  }
}

function named(name: string, namespace: string, names: Map<string, Schema>): Schema {
  if (PRIMITIVES.includes(name)) return { kind: name as Primitive }
  const schema = names.get(fullName(name, namespace))
  if (schema === undefined) throw invalid(`the type ${JSON.stringify(name)} is not defined before its use`)
  return schema
}

function union(json: readonly unknown[], namespace: string, names: Map<string, Schema>): UnionSchema {
  const branches = json.map(branch => parse(branch, namespace, names))
  if (branches.length === 0) throw invalid('a union has at least one branch')
  if (branches.some(branch => branch.kind === 'union')) throw invalid('a union holds no unions')
  if (new Set(branches.map(described)).size < branches.length) throw invalid('a union holds no type twice')
  return { kind: 'union', branches }
}

function record(
  json: Readonly<Record<string, unknown>>,
  namespace: string,
  names: Map<string, Schema>,
): RecordSchema {
  const fields: Field[] = []
  // Declared before its fields are read, because they may refer to it.
  const schema: RecordSchema = declare({ kind: 'record', ...naming(json, namespace), fields }, names)
  const inner = schema.name.slice(0, Math.max(0, schema.name.lastIndexOf('.')))
  if (!Array.isArray(json.fields)) throw invalid(`the record ${schema.name} has no fields`)
  for (const field of json.fields as readonly unknown[]) {
    if (!isObject(field)) throw invalid(`a field of ${schema.name} is no object`)
    const name = simpleName(field.name)
    if (fields.some(other => other.name === name))
      throw invalid(`the record ${schema.name} has the field ${name} twice`)
    fields.push({
      name,
      aliases: aliasesOf(field, ''),
      ...docOf(field),
      schema: parse(field.type, inner, names),
      ...('default' in field ? { default: { json: field.default } } : {}),
    })
  }
  return schema
}

function enumeration(
  json: Readonly<Record<string, unknown>>,
  namespace: string,
  names: Map<string, Schema>,
): EnumSchema {
  const { symbols } = json
  if (!Array.isArray(symbols) || symbols.length === 0 || new Set(symbols).size < symbols.length) {
    throw invalid('an enum has symbols, each once')
  }
  const checked = symbols.map(simpleName)
  const fallback = json.default
  if (fallback !== undefined && !checked.includes(String(fallback)))
    throw invalid("an enum's default is one of its symbols")
  return declare(
    {
      kind: 'enum',
      ...naming(json, namespace),
      symbols: checked,
      ...(fallback === undefined ? {} : { default: String(fallback) }),
    },
    names,
  )
}

function declare<S extends RecordSchema | EnumSchema | FixedSchema>(
  schema: S,
  names: Map<string, Schema>,
): S {
  if (names.has(schema.name)) throw invalid(`the type ${schema.name} is defined twice`)
  names.set(schema.name, schema)
  return schema
}

function naming(
  json: Readonly<Record<string, unknown>>,
  outer: string,
): { readonly name: string; readonly aliases: readonly string[]; readonly doc?: string } {
  if (typeof json.name !== 'string') throw invalid('a named type has a name')
  const namespace = typeof json.namespace === 'string' ? json.namespace : outer
  const name = fullName(json.name, namespace)
  return { name, aliases: aliasesOf(json, name.slice(0, Math.max(0, name.lastIndexOf('.')))), ...docOf(json) }
}

function fullName(name: string, namespace: string): string {
  const full = name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
  for (const part of full.split('.')) simpleName(part)
  return full
}

function simpleName(name: unknown): string {
  // As a property of an object literal this one would set the object's prototype.
  if (typeof name !== 'string' || !NAME.test(name) || name === '__proto__') {
    throw invalid(
      `${JSON.stringify(name)} is no name: letters, digits and _ only, not beginning with a digit`,
    )
  }
  return name
}

function aliasesOf(json: Readonly<Record<string, unknown>>, namespace: string): readonly string[] {
  return Array.isArray(json.aliases) ? json.aliases.map(alias => fullName(String(alias), namespace)) : []
}

function docOf(json: Readonly<Record<string, unknown>>): { readonly doc?: string } {
  return typeof json.doc === 'string' ? { doc: json.doc } : {}
}

function canonical(schema: Schema, seen: Set<string>): unknown {
  switch (schema.kind) {
    case 'record':
    case 'enum':
    case 'fixed': {
      if (seen.has(schema.name)) return schema.name
      seen.add(schema.name)
      if (schema.kind === 'enum') return { name: schema.name, type: 'enum', symbols: schema.symbols }
      if (schema.kind === 'fixed') return { name: schema.name, type: 'fixed', size: schema.size }
      const fields = schema.fields.map(field => ({ name: field.name, type: canonical(field.schema, seen) }))
      return { name: schema.name, type: 'record', fields }
    }
    case 'array':
      return { type: 'array', items: canonical(schema.items, seen) }
    case 'map':
      return { type: 'map', values: canonical(schema.values, seen) }
    case 'union':
      return schema.branches.map(branch => canonical(branch, seen))
    default:
      return schema.logicalType === undefined
        ? schema.kind
        : { type: schema.kind, logicalType: schema.logicalType }
  }
}

export function isPrimitive(schema: Schema): schema is PrimitiveSchema {
  return PRIMITIVES.includes(schema.kind)
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function invalid(what: string): SchemaError {
  return new SchemaError('SCHEMA_INVALID', what)
}
