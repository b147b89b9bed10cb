/** What is staged is read by byte range, from a file or over HTTP, so that work cut off goes on where it was. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { LakeError } from '../errors.ts'
import { type HttpOptions, httpSource } from './http-source.ts'

export interface Source {
  /** For messages; without secrets. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Tells one state of its contents from another: ETag, or size and time of modification. */
  readonly version: string
  /**
   * The bytes from `start` to before `end`: all of them, or it throws.
   * @throws LakeError SOURCE_CHANGED, SOURCE_UNREADABLE, SOURCE_UNREACHABLE, SOURCE_REFUSED, SOURCE_WITHOUT_RANGES
   */
  read(start: number, end: number): AsyncIterable<Uint8Array>
}

/** @param location a path, or an http(s) URL. @throws LakeError as `Source.read`, and SOURCE_MISSING */
export async function openSource(location: string, options: HttpOptions): Promise<Source> {
  if (/^https?:\/\//i.test(location)) return await httpSource(location, options)
  return await fileSource(location)
}

export async function fileSource(location: string): Promise<Source> {
  const path = resolve(location)
  const found = await stat(path).catch(cause => {
    throw new LakeError('SOURCE_MISSING', `${location} cannot be read: ${cause.message}`, { cause })
  })
  if (!found.isFile()) throw new LakeError('SOURCE_MISSING', `${location} is no file`)
  return {
    name: location,
    size: found.size,
    version: `${found.size}-${Math.floor(found.mtimeMs)}`,
    async *read(start, end) {
      if (start >= end) return
      let read = 0
      try {
        for await (const piece of createReadStream(path, { start, end: end - 1 })) {
          read += piece.length
          yield piece
        }
      } catch (cause) {
        throw new LakeError('SOURCE_UNREADABLE', `${location} cannot be read any more`, { cause })
      }
      if (read !== end - start)
        throw new LakeError('SOURCE_CHANGED', `${location} has become shorter while it was read`)
    },
  }
}
