import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'

/** The longest line taken, in bytes; rows have about 200. */
export const maxLine = 65_536

const CHUNK = 65_536

/** Part of a file, as lines without their ends; one character per byte (latin1), so that the bytes can be had again. */
export interface Lines {
  readonly lines: readonly string[]
  /** The file broke off after these lines, in the middle of another one. */
  readonly failure?: { readonly reason: string; readonly cut: string }
}

/**
 * A file's lines, a chunk of it at a time; `.gz` is decompressed. A file that breaks off (truncated, damaged, a disk
 * error) yields the lines before the fault, always the same ones, and says so in its last chunk instead of throwing.
 * A line longer than `maxLine` comes cut to `maxLine + 1` bytes.
 */
export async function* readLines(path: string): AsyncGenerator<Lines> {
  const file = createReadStream(path, { highWaterMark: CHUNK })
  const gunzip = path.endsWith('.gz') ? createGunzip({ chunkSize: CHUNK }) : undefined
  if (gunzip !== undefined) {
    file.on('error', error => gunzip.destroy(error))
    file.pipe(gunzip)
  }
  const bytes = gunzip ?? file
  let rest = ''
  const split = (chunk: Buffer): string[] => {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop()!
    if (rest.length > maxLine) rest = rest.slice(0, maxLine + 1) // what follows of it is cut off the same way
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i]!
      if (line.endsWith('\r')) lines[i] = line.slice(0, -1)
      if (line.length > maxLine) lines[i] = line.slice(0, maxLine + 1)
    }
    return lines
  }
  try {
    for await (const chunk of bytes) yield { lines: split(chunk) }
    if (rest !== '') yield { lines: [rest] }
  } catch (error) {
    yield {
      lines: [],
      failure: { reason: error instanceof Error ? error.message : String(error), cut: rest },
    }
  } finally {
    file.destroy()
    gunzip?.destroy()
  }
}
