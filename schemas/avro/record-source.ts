/**
 * The body of a record's decoder: its fields one after the other, with the common cases written out on local variables
 * (a double, a nullable double, a null), which is about three times as fast as a call for each. Every other case, and
 * every error, is left to the general statement, which goes through `input`.
 */
import type { Field, Schema } from './schema.ts'

/** One thing to do: read the writer's next value, pass over it, or set a default. */
export interface Step {
  /** The writer's type; absent where nothing is read. */
  readonly from?: Schema
  /** The reader's type and where the value goes; absent where the value is not wanted. */
  readonly to?: Schema
  readonly place?: Place
  /** Does it for every value; empty for a value without bytes that is not wanted. */
  readonly statement: string
}

/** Where a value goes: what stands on the left of an assignment. */
export type Place = string

/** A variable with the field's name. */
export function variable({ name }: Field): Place {
  return `$${name}`
}

/** A property of the object that is filled. */
export function property({ name }: Field): Place {
  return `target.${name}`
}

/** Statements for all steps. */
export function straightLine(steps: readonly Step[]): string {
  const lines = steps.filter(step => step.statement !== '').map(step => `  ${written(step)}\n`)
  return `  const { bytes, view, base, end } = input\n  let at = input.at\n${lines.join('')}  input.at = at\n`
}

function written({ from, to, place, statement }: Step): string {
  if (from === undefined) return statement
  const general = `input.at = at; ${statement}; at = input.at`
  const size = sizeOf(from)
  if (size !== undefined && (place === undefined || takes(to, from))) {
    return `if (at + ${size} <= end) { ${take(place, size, 0)} } else { ${general} }`
  }
  if (from.kind !== 'union' || from.branches.length !== 2) return general
  const nothing = from.branches.findIndex(branch => branch.kind === 'null')
  if (nothing < 0 || !(place === undefined || isNullable(to))) return general
  // A branch's number is written zig-zag coded, that is doubled.
  const cases = [
    `if (bytes[at] === ${nothing * 2} && at < end) { ${place === undefined ? '' : `${place} = null; `}at++ }`,
  ]
  const number = from.branches[1 - nothing]!
  const other = sizeOf(number)
  if (other !== undefined && (place === undefined || takes(to, number))) {
    cases.unshift(
      `if (bytes[at] === ${(1 - nothing) * 2} && at + ${other + 1} <= end) { ${take(place, other, 1)} }`,
    )
  }
  return `${cases.join(' else ')} else { ${general} }`
}

/** Takes the number that begins `ahead` bytes further on. */
function take(place: Place | undefined, size: number, ahead: number): string {
  const move = `at += ${size + ahead}`
  if (place === undefined) return move
  const where = ahead === 0 ? 'base + at' : `base + at + ${ahead}`
  return `${place} = view.getFloat${size * 8}(${where}, true); ${move}`
}

/** Bytes of a floating-point number. */
function sizeOf(schema: Schema): 4 | 8 | undefined {
  return schema.kind === 'double' ? 8 : schema.kind === 'float' ? 4 : undefined
}

/** Whether the reader takes a floating-point number as it is: any as a double, but no double as a float. */
function takes(to: Schema | undefined, number: Schema): boolean {
  if (to?.kind === 'union') return to.branches.some(branch => takes(branch, number))
  return to?.kind === 'double' || (to?.kind === 'float' && number.kind === 'float')
}

function isNullable(to: Schema | undefined): boolean {
  return to?.kind === 'null' || (to?.kind === 'union' && to.branches.some(isNullable))
}

/** Whether all values are numbers or null. */
export function isNumber(schema: Schema): boolean {
  switch (schema.kind) {
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return true
    case 'union':
      return schema.branches.every(branch => branch.kind === 'null' || isNumber(branch))
    default:
      return false
  }
}
