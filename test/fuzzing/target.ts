/**
 * What is fuzzed: a decoder, bytes that are right, and what must hold whatever becomes of these. It gives a value or throws
 * one of the errors that it says; what it gives is written again and read as the same; and it makes no more of the bytes than
 * their number allows, whatever lengths they claim.
 */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { SchemaError } from '../../schemas/index.ts'
import { StateError } from '../../state/index.ts'
import { TickerError } from '../../topology/index.ts'
import { changed, changes } from './mutation.ts'

/** Something was decoded: how much, in bytes and items, and the value's own bytes where it can be written again. */
export interface Decoded {
  readonly value: unknown
  /** Items or bytes in it. */
  readonly size: number
  /** Undefined where nothing writes it. */
  readonly again?: (() => Promise<Decoded> | Decoded) | undefined
}

export interface Target {
  readonly name: string
  readonly right: fc.Arbitrary<Buffer>
  /** Where lengths and counts lie in them, if that is known. */
  readonly fields?: readonly number[]
  decode(bytes: Buffer): Promise<Decoded> | Decoded
  /** Whether an error is one that decoding may end with. */
  expected(error: unknown): boolean
  /** How many items or bytes may be made of one byte. Default 4. */
  readonly expansion?: number
}

/** Beside what the bytes allow: what the error and the test itself take. */
const SLACK = 1 << 16
/** Bytes outside the heap that decoding a few hundred bytes may reserve, with what the test itself does meanwhile. */
const RESERVED = 8 << 20

/** What must hold of any bytes. @throws an Error that says what does not */
export async function hold(target: Target, bytes: Buffer): Promise<void> {
  const before = process.memoryUsage().arrayBuffers
  let decoded: Decoded
  try {
    decoded = await target.decode(bytes)
  } catch (error) {
    checkMemory(before)
    if (target.expected(error)) return
    throw new Error(`it is no error of a closed table: ${error instanceof Error ? error.stack : error}`)
  }
  checkMemory(before)
  const most = SLACK + (target.expansion ?? 4) * bytes.length
  if (decoded.size > most) throw new Error(`${bytes.length} bytes became ${decoded.size} items or bytes`)
  if (decoded.again === undefined) return
  const again = await decoded.again()
  if (!isDeepStrictEqual(again.value, decoded.value)) throw new Error('written and read again it differs')
}

function checkMemory(before: number): void {
  const reserved = process.memoryUsage().arrayBuffers - before
  if (reserved > RESERVED) throw new Error(`${reserved} bytes of memory were reserved`)
}

type Case = [Buffer, Parameters<typeof changed>[1]]

export interface Fuzzed {
  readonly runs: number
  /** The seed, a counterexample made as small as possible, and what does not hold of it; undefined if nothing was found. */
  readonly report: string | undefined
}

export async function fuzz(target: Target, options: fc.Parameters<Case>): Promise<Fuzzed> {
  const property = fc.asyncProperty(target.right, changes, async (bytes, list) => {
    await hold(target, changed(bytes, list, target.fields))
  })
  const found = await fc.check(property, options)
  const report = fc.defaultReportMessage(found)
  return { runs: found.numRuns, report: report && `${report}\n${found.errorInstance}` }
}

/** Whether an error is of a closed table, and of these codes. */
export function ofCode(error: unknown, codes: RegExp): boolean {
  const known = error instanceof TickerError || error instanceof SchemaError || error instanceof StateError
  return known && codes.test(error.code)
}

/** How many values there are in one, and in those within it. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length
  if (typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce((sum: number, each) => sum + sizeOf(each), 1)
}
