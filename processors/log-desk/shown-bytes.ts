/** Keys, values and headers of whoever wrote them, for people: decoded where something says how, else as they are. */
import { isUtf8 } from 'node:buffer'
import { type AnyRecord, type DecodeAny, SchemaError } from '../../schemas/index.ts'
import type { KeptBytes } from './record-search.ts'

/** Bytes shown of what is not decoded. */
const SHOWN = 1 << 10

export interface ShownBytes {
  readonly format: 'avro' | 'json' | 'text' | 'hex'
  /** How many there are. */
  readonly bytes: number
  /** Of `avro` and `json`. */
  readonly decoded?: unknown
  /** Of `text` and `hex`, and only its beginning where `cut`. */
  readonly text?: string
  readonly cut?: boolean
  /** The id of the schema that the bytes name. */
  readonly schemaId?: number
  /** Why they are not decoded, though they look as if they could be. */
  readonly problem?: string
}

/**
 * Shows one after the other. A registry that does not answer is asked once, and not again for each of them.
 */
export function showing(decode: DecodeAny): (kept: KeptBytes | null) => Promise<ShownBytes | null> {
  let silent: string | undefined

  async function avro(bytes: Buffer): Promise<AnyRecord | { readonly problem: string } | undefined> {
    if (bytes[0] !== 0) return undefined
    if (silent !== undefined) return { problem: silent }
    try {
      return await decode(bytes)
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
      const problem = `${error.code}: ${error.message}`
      if (error.code.startsWith('REGISTRY_')) silent = problem
      return { problem }
    }
  }

  return async kept => {
    if (kept === null) return null
    const { bytes, size } = kept
    if (bytes.length < size)
      return { ...plain(kept), problem: `more than ${bytes.length} bytes are not decoded` }
    const found = await avro(bytes)
    if (found === undefined) {
      const json = jsonOf(bytes)
      return json === undefined ? plain(kept) : { format: 'json', bytes: size, decoded: json }
    }
    if ('problem' in found) return { ...plain(kept), problem: found.problem }
    return { format: 'avro', bytes: size, decoded: found.value, schemaId: found.schemaId }
  }
}

/** Without asking anybody: text where it is text, else hexadecimal. */
export function plain({ bytes, size }: KeptBytes): ShownBytes {
  const cut = size > SHOWN ? { cut: true } : {}
  const shown = bytes.subarray(0, SHOWN)
  const text = textOf(shown, size > SHOWN)
  if (text !== undefined) return { format: 'text', bytes: size, text, ...cut }
  return { format: 'hex', bytes: size, text: shown.toString('hex'), ...cut }
}

/** Undefined where it is none: text has no control characters but those of lines and columns. */
function textOf(bytes: Buffer, isCut: boolean): string | undefined {
  // A character of up to four bytes may lie on both sides of the cut.
  const tries = isCut ? [0, 1, 2, 3] : [0]
  const whole = tries.map(less => bytes.subarray(0, bytes.length - less)).find(each => isUtf8(each))
  const isReadable = whole?.every(byte => byte >= 32 || byte === 9 || byte === 10 || byte === 13)
  return isReadable ? whole?.toString('utf8') : undefined
}

/** An object or a list; what else would be JSON is better read as text. */
function jsonOf(bytes: Buffer): unknown {
  if (bytes[0] !== 0x7b && bytes[0] !== 0x5b) return undefined
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
