/** What of a TypeScript file is documented: exported functions and the methods of exported classes, with their comments. */
import { parseAst } from 'vitest/node'

/** A signature; a method with overloads has one each. */
export interface Signature {
  /** `KStream.filter`, `tumbling`. */
  readonly name: string
  /** The class it is of. */
  readonly of: string | undefined
  readonly comment: string | undefined
  /** The line the comment, or else the signature, begins at. */
  readonly line: number
}

export interface ClassSummary {
  readonly name: string
  readonly extends: string | undefined
  /** The type of the constructor's first parameter. */
  readonly builtFrom: string | undefined
}

export interface Documented {
  readonly signatures: readonly Signature[]
  readonly classes: readonly ClassSummary[]
}

/** @returns public methods and exported functions, without what a comment says is `@internal` */
export function documentedIn(source: string): Documented {
  const signatures: Signature[] = []
  const classes: ClassSummary[] = []
  const add = (name: string, of: string | undefined, start: number): void => {
    const comment = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*$/.exec(source.slice(0, start))?.[0]
    if (comment !== undefined && /@internal\b/.test(comment)) return
    const line = source.slice(0, start - (comment?.length ?? 0)).split('\n').length
    signatures.push({ name: of === undefined ? name : `${of}.${name}`, of, comment, line })
  }
  for (const statement of parseAst(source, { lang: 'ts' }).body) {
    if (statement.type !== 'ExportNamedDeclaration') continue
    const { declaration, start } = statement
    if (declaration?.type === 'FunctionDeclaration' || declaration?.type === 'TSDeclareFunction')
      add(declaration.id?.name ?? '', undefined, start)
    if (declaration?.type !== 'ClassDeclaration') continue
    const of = declaration.id?.name ?? ''
    let builtFrom: string | undefined
    for (const member of declaration.body.body) {
      if (member.type !== 'MethodDefinition' && member.type !== 'TSAbstractMethodDefinition') continue
      if (member.key.type !== 'Identifier' || (member.accessibility ?? 'public') !== 'public') continue
      const [first] = member.value.params
      const type = first?.type === 'Identifier' ? first.typeAnnotation?.typeAnnotation : undefined
      if (member.kind === 'constructor') builtFrom = type && source.slice(type.start, type.end)
      else if (member.kind === 'method') add(member.key.name, of, member.start)
    }
    const parent = declaration.superClass
    classes.push({ name: of, extends: parent?.type === 'Identifier' ? parent.name : undefined, builtFrom })
  }
  return { signatures, classes }
}
