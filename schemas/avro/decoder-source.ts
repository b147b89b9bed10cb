/**
 * Generates decoders as source text: for one writer's schema, resolved to one reader's (avro.apache.org/docs/1.12.0/
 * specification/#schema-resolution). The text of the committed decoders (writer = reader, with types) and of those
 * made at run time for other writers (without) comes from here alone.
 */
import { SchemaError } from '../errors.ts'
import { isNumber, type Place, property, type Step, straightLine, variable } from './record-source.ts'
import { incompatible, literal, matches, smallest, sourceOf } from './resolution.ts'
import type { EnumSchema, Field, RecordSchema, Schema, UnionSchema } from './schema.ts'
import { isPrimitive, unqualified } from './schema.ts'
import { grouped, quoted, typeName } from './type-source.ts'

export interface DecoderSource {
  /** Declarations. They use the names `input` and `Buffer`. */
  readonly text: string
  /** The declared function that reads one record: `() => T`. */
  readonly entry: string
}

export interface DecoderOptions {
  /** Only these of the reader's fields; all, if absent. */
  readonly fields?: readonly string[]
  /** Fill one object, the same each time. */
  readonly reuse?: boolean
  /** Write TypeScript. */
  readonly typed?: boolean
}

/** @throws SchemaError SCHEMA_INCOMPATIBLE when the reader cannot read what the writer writes */
export function decoderSource(
  writer: Schema,
  reader: RecordSchema,
  options: DecoderOptions = {},
): DecoderSource {
  const typed = options.typed ?? false
  const declarations: string[] = []
  const declared = new Map<string, string>()
  const ids = new Map<unknown, number>()

  /** Primitive types are alike wherever they stand; others by identity. */
  const id = (schema: Schema): number => {
    const key = isPrimitive(schema) ? schema.kind : schema
    if (!ids.has(key)) ids.set(key, ids.size)
    return ids.get(key)!
  }

  /** Declares what `body` writes, once per key; recursive types find the name before the body is written. */
  const declare = (key: string, prefix: string, body: (name: string) => string): string => {
    const known = declared.get(key)
    if (known !== undefined) return known
    // No Avro name has a $, so that none collides with these.
    const name = declared.size === 0 ? prefix : `${prefix}$${declared.size}`
    declared.set(key, name)
    try {
      declarations.push(body(name))
    } catch (error) {
      declared.delete(key)
      throw error
    }
    return name
  }

  const is = (type: string): string => (typed ? `: ${type}` : '')

  /** An expression that reads a writer's value and is the reader's. */
  const read = (from: Schema, to: Schema, path: string): string => {
    if (to.kind === 'union') return readUnion(from, to, path)
    if (from.kind === 'union') return readBranch(from, to, path)
    if (!matches(from, to)) throw incompatible(path, from, to)
    switch (to.kind) {
      case 'null':
        return 'null'
      case 'float':
        return from.kind === 'float' ? 'input.float()' : `Math.fround(input.${from.kind}())`
      case 'long':
      case 'double':
        return `input.${from.kind}()`
      case 'boolean':
      case 'int':
      case 'string':
        return `input.${to.kind}()`
      case 'bytes':
        return 'input.byteString()'
      case 'fixed':
        return `input.fixed(${to.size})`
      case 'enum':
        if (from.kind === 'enum') return `input.symbol(${symbolTable(from, to, path)})`
        break
      case 'array':
        if (from.kind === 'array') return `${readArray(from.items, to.items, path)}()`
        break
      case 'map':
        if (from.kind === 'map') return `${readMap(from.values, to.values, path)}()`
        break
      case 'record':
        if (from.kind === 'record') return `${readRecord(from, to, path)}()`
        break
    }
    throw incompatible(path, from, to)
  }

  const readUnion = (from: Schema, to: UnionSchema, path: string): string => {
    if (from.kind !== 'union') {
      const matching = to.branches.filter(branch => matches(from, branch))
      const branch = matching.find(branch => branch.kind === from.kind) ?? matching[0]
      if (branch === undefined) throw incompatible(path, from, to)
      return read(from, branch, path)
    }
    return readBranch(from, to, path)
  }

  /** Reads the branch that the writer chose; one that the reader has no match for is an error only when it is met. */
  const readBranch = (from: UnionSchema, to: Schema, path: string): string => {
    const choices = from.branches.map(branch => {
      try {
        return read(branch, to, path)
      } catch (error) {
        if (!(error instanceof SchemaError)) throw error
        return `input.malformed(${JSON.stringify(error.message)})`
      }
    })
    if (choices.every(choice => choice.startsWith('input.malformed'))) throw incompatible(path, from, to)
    if (choices.length === 2) return `(input.index(2) === 0 ? ${choices[0]} : ${choices[1]})`
    return `${declare(`branch ${id(from)} ${id(to)}`, 'readBranch', name => {
      const cases = choices.map(
        (choice, at) => `    ${at === 0 ? 'default' : `case ${at}`}: return ${choice}\n`,
      )
      return `function ${name}()${is(typeName(to))} {\n  switch (input.index(${choices.length})) {\n${cases.join('')}  }\n}`
    })}()`
  }

  const readArray = (from: Schema, to: Schema, path: string): string =>
    declare(`array ${id(from)} ${id(to)}`, 'readArray', name => {
      const item = read(from, to, `${path}[]`)
      return `function ${name}()${is(`${grouped(typeName(to))}[]`)} {
  const array${is(`${grouped(typeName(to))}[]`)} = []
  for (let count = input.block(${smallest(from)}); count > 0; count = input.block(${smallest(from)})) {
    for (let i = 0; i < count; i++) array.push(${item})
  }
  return array
}`
    })

  const readMap = (from: Schema, to: Schema, path: string): string =>
    declare(`map ${id(from)} ${id(to)}`, 'readMap', name => {
      const value = read(from, to, `${path}{}`)
      // Without a prototype, because any text can be a key.
      return `function ${name}()${is(`Record<string, ${typeName(to)}>`)} {
  const map${is(`Record<string, ${typeName(to)}>`)} = Object.create(null)
  for (let count = input.block(${1 + smallest(from)}); count > 0; count = input.block(${1 + smallest(from)})) {
    for (let i = 0; i < count; i++) {
      const key = input.string()
      map[key] = ${value}
    }
  }
  return map
}`
    })

  const symbolTable = (from: EnumSchema, to: EnumSchema, path: string): string =>
    declare(`enum ${id(from)} ${id(to)}`, `symbols`, name => {
      const table = from.symbols.map(symbol => (to.symbols.includes(symbol) ? symbol : to.default))
      if (table.every(symbol => symbol === undefined)) throw incompatible(path, from, to)
      const items = table.map(symbol => (symbol === undefined ? 'undefined' : quoted(symbol)))
      return `const ${name}${is(`readonly ${grouped(typeName(to))}[]`)} = [${items.join(', ')}]`
    })

  const readRecord = (from: RecordSchema, to: RecordSchema, path: string, wanted = to.fields): string =>
    declare(`record ${id(from)} ${id(to)} ${wanted.length}`, `read${unqualified(to.name)}`, name => {
      const line = straightLine(stepsOf(from, to, path, wanted, variable))
      const variables = wanted.map(field => `  let $${field.name}${is(typeName(field.schema))}\n`)
      const values = wanted.map(field => `    ${field.name}: $${field.name},\n`)
      return `function ${name}()${is(typeName(to))} {\n${variables.join('')}${line}  return {\n${values.join('')}  }\n}`
    })

  /** A number that takes the place of another in an object takes no memory of its own, if both are known as such. */
  const fillRecord = (from: RecordSchema, to: RecordSchema, wanted: readonly Field[]): string =>
    declare('entry', `fill${unqualified(to.name)}`, name => {
      const line = straightLine(stepsOf(from, to, to.name, wanted, property))
      const properties = wanted.map(
        field => `  ${field.name}: ${isNumber(field.schema) ? 'Number.NaN' : 'undefined'},\n`,
      )
      return `const target = {\n${properties.join('')}}

function ${name}() {\n${line}  return target\n}`
    })

  /** In the writer's order; then the defaults of wanted fields that the writer does not have. */
  const stepsOf = (
    from: RecordSchema,
    to: RecordSchema,
    path: string,
    wanted: readonly Field[],
    placeOf: (field: Field) => Place,
  ): Step[] => {
    const fields = new Map(to.fields.map(field => [sourceOf(field, from), field]))
    const steps = from.fields.map((source): Step => {
      const field = fields.get(source)
      // Also a field that is not wanted must be one that could be read.
      const value = field && read(source.schema, field.schema, `${path}.${source.name}`)
      if (field === undefined || value === undefined || !wanted.includes(field)) {
        return { from: source.schema, statement: skip(source.schema) }
      }
      const place = placeOf(field)
      return { from: source.schema, to: field.schema, place, statement: `${place} = ${value}` }
    })
    for (const field of to.fields) {
      if (sourceOf(field, from) !== undefined) continue
      const inner = `${path}.${field.name}`
      if (field.default === undefined) {
        throw new SchemaError(
          'SCHEMA_INCOMPATIBLE',
          `${inner} has no default, and the writer's schema lacks it`,
        )
      }
      const value = literal(field.schema, field.default.json, inner)
      if (wanted.includes(field)) steps.push({ statement: `${placeOf(field)} = ${value}` })
    }
    return steps
  }

  /** A statement that passes over a writer's value; empty for a value without bytes. */
  const skip = (schema: Schema): string => {
    switch (schema.kind) {
      case 'null':
        return ''
      case 'float':
        return 'input.skipFixed(4)'
      case 'double':
        return 'input.skipFixed(8)'
      case 'fixed':
        return `input.skipFixed(${schema.size})`
      case 'bytes':
      case 'string':
        return 'input.skipBytes()'
      case 'enum':
        return `input.index(${schema.symbols.length})`
      case 'union':
        return skipUnion(schema)
      case 'array':
        return `${skipItems(schema, schema.items, smallest(schema.items), [])}()`
      case 'map':
        return `${skipItems(schema, schema.values, 1 + smallest(schema.values), ['input.skipBytes()'])}()`
      case 'record':
        return `${declare(`skip ${id(schema)}`, 'skipRecord', name => {
          const lines = schema.fields.map(field => skip(field.schema)).filter(line => line !== '')
          return `function ${name}() {\n${lines.map(line => `  ${line}\n`).join('')}}`
        })}()`
      default:
        return `input.${schema.kind}()`
    }
  }

  const skipUnion = (schema: UnionSchema): string => {
    const skips = schema.branches.map(skip)
    const index = `input.index(${skips.length})`
    const only = skips.findIndex(line => line !== '')
    if (only < 0) return index
    if (skips.every((line, at) => at === only || line === ''))
      return `if (${index} === ${only}) ${skips[only]}`
    return `${declare(`skip ${id(schema)}`, 'skipUnion', name => {
      const cases = skips.map((line, at) => (line === '' ? '' : `    case ${at}: { ${line}; break }\n`))
      return `function ${name}() {\n  switch (${index}) {\n${cases.join('')}  }\n}`
    })}()`
  }

  const skipItems = (schema: Schema, item: Schema, size: number, before: readonly string[]): string =>
    declare(`skip ${id(schema)}`, 'skipItems', name => {
      const lines = [...before, skip(item)].filter(line => line !== '').join('; ')
      return `function ${name}() {
  for (let count = input.skippedBlock(${size}); count > 0; count = input.skippedBlock(${size})) {
    for (let i = 0; i < count; i++) { ${lines} }
  }
}`
    })

  if (writer.kind !== 'record' || !matches(writer, reader)) throw incompatible(reader.name, writer, reader)
  const fields = chosen(reader, options.fields)
  const entry = options.reuse
    ? fillRecord(writer, reader, fields)
    : readRecord(writer, reader, reader.name, fields)
  return { text: declarations.join('\n\n'), entry }
}

function chosen(reader: RecordSchema, names: readonly string[] | undefined): readonly Field[] {
  if (names === undefined) return reader.fields
  const unknown = names.find(name => !reader.fields.some(field => field.name === name))
  if (unknown !== undefined) throw new SchemaError('SCHEMA_INVALID', `${reader.name} has no field ${unknown}`)
  return reader.fields.filter(field => names.includes(field.name))
}
