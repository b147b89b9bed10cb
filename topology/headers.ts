/** Headers in a store: how many as uint32, then each one's name and value with their lengths. And what a header tells as JSON. */
import type { z } from 'zod'
import { TickerError } from './errors.ts'
import type { Headers } from './log/log.ts'

/**
 * What is written as JSON in a record of our own topics, which others may write to as well.
 * @param what names it in the error @throws TickerError LOG_CORRUPT
 */
export function jsonIn<T>(bytes: Buffer, shape: z.ZodType<T>, what: string): T {
  try {
    return shape.parse(JSON.parse(bytes.toString('utf8')))
  } catch (cause) {
    throw new TickerError('LOG_CORRUPT', `${what} is not what was written there: ${bytes.subarray(0, 80)}`, {
      cause,
    })
  }
}

export function encodeHeaders(headers: Headers): Buffer {
  const parts = headers.flatMap(([name, value]) => [...sized(Buffer.from(name)), ...sized(value)])
  return Buffer.concat([uint32(headers.length), ...parts])
}

/** The headers that the bytes begin with, and what follows them. @throws RangeError where they end too early */
export function decodeHeaders(bytes: Buffer): { readonly headers: Headers; readonly rest: Buffer } {
  let at = 4
  const next = (): Buffer => {
    const end = at + 4 + bytes.readUInt32BE(at)
    if (end > bytes.length) throw new RangeError('a header ends behind its bytes')
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
