/** Generates encoders as source text. */
import { SchemaError } from '../errors.ts'
import type { RecordSchema, Schema } from './schema.ts'
import { unqualified } from './schema.ts'
import { quoted, typeName } from './type-source.ts'

/**
 * Declarations in TypeScript that use the name `output`, and the function `(value: T) => void` that writes one record.
 * @throws SchemaError SCHEMA_INVALID for unions other than of null and one type
 */
export function encoderSource(schema: RecordSchema): { readonly text: string; readonly entry: string } {
  const declarations: string[] = []
  const declared = new Map<string, string>()

  const declare = (key: string, prefix: string, body: (name: string) => string): string => {
    const known = declared.get(key)
    if (known !== undefined) return known
    const name = declared.size === 0 ? prefix : `${prefix}$${declared.size}`
    declared.set(key, name)
    declarations.push(body(name))
    return name
  }

  /** A statement; `field` is an expression for the name in errors. */
  const write = (of: Schema, value: string, field: string): string => {
    switch (of.kind) {
      case 'null':
        return `if (${value} !== null) output.wrong(${field}, 'null', ${value})`
      case 'fixed':
        return `output.fixed(${value}, ${of.size}, ${field})`
      case 'enum': {
        const symbols = declare(
          of.name,
          'writtenSymbols',
          name => `const ${name} = [${of.symbols.map(quoted).join(', ')}]`,
        )
        return `output.symbol(${value}, ${symbols}, ${field})`
      }
      case 'union': {
        const inner = of.branches.find(branch => branch.kind !== 'null')
        if (
          of.branches.length !== 2 ||
          inner === undefined ||
          !of.branches.some(branch => branch.kind === 'null')
        ) {
          throw new SchemaError(
            'SCHEMA_INVALID',
            `${field}: the only unions written are of null and one other type`,
          )
        }
        const nothing = of.branches[0] === inner ? 1 : 0
        const something = `output.index(${1 - nothing}); ${write(inner, value, field)}`
        return `if (${value} === null) output.index(${nothing}); else { ${something} }`
      }
      case 'array': {
        const name = declare(kinds(of), 'writeArray', name => {
          const body = `  output.array(value, field)\n  for (const item of value) { ${write(of.items, 'item', 'field')} }\n`
          return `function ${name}(value: ${typeName(of)}, field: string): void {\n${body}  output.index(0)\n}`
        })
        return `${name}(${value}, ${field})`
      }
      case 'map': {
        const name = declare(kinds(of), 'writeMap', name => {
          const entry = `output.string(key, field); ${write(of.values, 'value[key]!', 'field')}`
          const body = `  for (const key of output.map(value, field)) { ${entry} }\n`
          return `function ${name}(value: ${typeName(of)}, field: string): void {\n${body}  output.index(0)\n}`
        })
        return `${name}(${value}, ${field})`
      }
      case 'record':
        return `${writeRecord(of)}(${value}, ${field})`
      default:
        return `output.${of.kind}(${value}, ${field})`
    }
  }

  const writeRecord = (of: RecordSchema): string =>
    declare(of.name, `write${unqualified(of.name)}`, name => {
      const lines = of.fields.map(
        field =>
          `  ${write(field.schema, `value.${field.name}`, quoted(`${unqualified(of.name)}.${field.name}`))}\n`,
      )
      return `function ${name}(value: ${typeName(of)}, field: string): void {\n  output.record(value, field)\n${lines.join('')}}`
    })

  const entry = writeRecord(schema)
  return { text: declarations.join('\n\n'), entry }
}

/** Tells types apart that are the same in TypeScript, such as int and double. */
function kinds(schema: Schema): string {
  switch (schema.kind) {
    case 'array':
      return `array of ${kinds(schema.items)}`
    case 'map':
      return `map of ${kinds(schema.values)}`
    case 'union':
      return `[${schema.branches.map(kinds).join(', ')}]`
    case 'fixed':
      return `fixed ${schema.size}`
    default:
      return 'name' in schema ? schema.name : schema.kind
  }
}
