/** Generates the TypeScript types of schemas as source text. */
import type { RecordSchema, Schema } from './schema.ts'
import { unqualified } from './schema.ts'

/** The TypeScript type of a value: records and enums by their own (unqualified) names. */
export function typeName(schema: Schema): string {
  switch (schema.kind) {
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return 'number'
    case 'bytes':
    case 'fixed':
      return 'Buffer'
    case 'array':
      return `readonly ${grouped(typeName(schema.items))}[]`
    case 'map':
      return `Readonly<Record<string, ${typeName(schema.values)}>>`
    case 'union':
      // Null last, as one says it.
      return [...schema.branches]
        .sort((a, b) => Number(a.kind === 'null') - Number(b.kind === 'null'))
        .map(branch => grouped(typeName(branch)))
        .join(' | ')
    case 'record':
    case 'enum':
      return unqualified(schema.name)
    default:
      return schema.kind
  }
}

/** Declarations of the record and of every record and enum within it. */
export function typeDeclarations(schema: RecordSchema): string {
  const declarations = new Map<string, string>()
  const visit = (inner: Schema): void => {
    if (inner.kind === 'array') visit(inner.items)
    else if (inner.kind === 'map') visit(inner.values)
    else if (inner.kind === 'union') inner.branches.forEach(visit)
    else if (inner.kind === 'enum') {
      const type = `${doc(inner.doc, '')}export type ${unqualified(inner.name)} = ${inner.symbols.map(quoted).join(' | ')}`
      declarations.set(inner.name, type)
    } else if (inner.kind === 'record' && !declarations.has(inner.name)) {
      declarations.set(inner.name, '')
      for (const field of inner.fields) visit(field.schema)
      const fields = inner.fields.map(
        field => `${doc(field.doc, '  ')}  readonly ${field.name}: ${typeName(field.schema)}\n`,
      )
      declarations.set(
        inner.name,
        `${doc(inner.doc, '')}export interface ${unqualified(inner.name)} {\n${fields.join('')}}`,
      )
    }
  }
  visit(schema)
  return [...declarations.values()].join('\n\n')
}

/** In brackets where `[]` or `|` after it would bind to a part of it only. */
export function grouped(type: string): string {
  return /^[\w<>, ]+$/.test(type) && !type.startsWith('readonly ') ? type : `(${type})`
}

export function quoted(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  return `'${escaped}'`
}

function doc(text: string | undefined, indent: string): string {
  return text === undefined ? '' : `${indent}/** ${text.replaceAll('*/', '* /')} */\n`
}
