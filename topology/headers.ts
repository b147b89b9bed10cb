/** Headers in a store: how many as uint32, then each one's name and value with their lengths. */
import type { Headers } from './log/log.ts'

export function encodeHeaders(headers: Headers): Buffer {
  const parts = headers.flatMap(([name, value]) => [...sized(Buffer.from(name)), ...sized(value)])
  return Buffer.concat([uint32(headers.length), ...parts])
}

/** The headers that the bytes begin with, and what follows them. */
export function decodeHeaders(bytes: Buffer): { readonly headers: Headers; readonly rest: Buffer } {
  let at = 4
  const next = (): Buffer => {
    const end = at + 4 + bytes.readUInt32BE(at)
    const part = bytes.subarray(at + 4, end)
    at = end
    return part
  }
  const headers = Array.from(
    { length: bytes.readUInt32BE() },
    () => [next().toString(), Buffer.from(next())] as const,
  )
  return { headers, rest: bytes.subarray(at) }
}

function sized(bytes: Buffer): Buffer[] {
  return [uint32(bytes.length), bytes]
}

function uint32(number: number): Buffer {
  const out = Buffer.allocUnsafe(4)
  out.writeUInt32BE(number)
  return out
}
