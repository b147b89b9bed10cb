/** The port to an object store: whole objects under keys, written at once or not at all. */
import { LakeError } from './errors.ts'

export interface ObjectSummary {
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly modified: number
  /** Another one when the contents are others: the ETag, or of a file its size and time. */
  readonly etag: string
}

export interface ByteRange {
  /** The first byte. */
  readonly start: number
  /** The byte after the last one; beyond the object's end it is its end. */
  readonly end: number
}

/** Every method throws `LakeError`: OBJECT_KEY_INVALID, those named with it, and what the store itself has to say (S3_…, AWS_…). */
export interface ObjectStore {
  /** Where it is, without secrets; ends with a slash. */
  readonly url: string
  /**
   * A reader sees all of it or what was there before.
   * @param options.ifAbsent write only where there is no such object yet: of several writers one succeeds
   * @throws OBJECT_EXISTS with `ifAbsent`
   */
  put(key: string, body: Uint8Array, options?: { readonly ifAbsent?: boolean }): Promise<void>
  /**
   * The object, or a range of it.
   * @param options.limit bytes that are taken into memory at most; 256 MiB if not given
   * @throws OBJECT_MISSING, OBJECT_TOO_LARGE
   */
  get(key: string, options?: { readonly range?: ByteRange; readonly limit?: number }): Promise<Buffer>
  /** The object piece by piece, for those that memory should not hold. @throws OBJECT_MISSING */
  stream(key: string): AsyncIterable<Uint8Array>
  /** Undefined where there is none. */
  stat(key: string): Promise<ObjectSummary | undefined>
  /** Those whose keys begin with the prefix, in the order of their keys' bytes. */
  list(prefix?: string): AsyncIterable<ObjectSummary>
  /** Deleting what is not there is no error. */
  delete(key: string): Promise<void>
  readonly uploads: Uploads
  close(): Promise<void>
}

/**
 * Objects written in parts, in any order and several at once: those too large for memory, or for beginning anew after a
 * crash. Whoever keeps the id of an upload can go on with it. The object appears when it is completed, at once.
 */
export interface Uploads {
  /** @returns the id of the upload */
  begin(key: string): Promise<string>
  /** The sizes of the parts that are there, by number; undefined where there is no such upload (any more). */
  finished(key: string, id: string): Promise<ReadonlyMap<number, number> | undefined>
  /**
   * @param part from 1 to 10,000
   * @param bytes 5 MiB at least, but for the last part; S3 asks for it
   */
  put(key: string, id: string, part: number, bytes: Uint8Array): Promise<void>
  /** Makes the object of the parts, in the order of their numbers. */
  complete(key: string, id: string): Promise<void>
  /** Forgets an upload and its parts. */
  abandon(key: string, id: string): Promise<void>
}

export const PARTS_LIMIT = 10_000

export const READ_LIMIT = 256 << 20

/** Of S3, in bytes. */
const KEY_LIMIT = 1024

/** @throws LakeError OBJECT_KEY_INVALID */
export function checkKey(key: string): void {
  const valid =
    Buffer.byteLength(key) <= KEY_LIMIT &&
    !/[\p{Cc}\\]/u.test(key) &&
    key.split('/').every(name => name !== '' && name !== '.' && name !== '..')
  if (!valid) throw new LakeError('OBJECT_KEY_INVALID', `${JSON.stringify(key)} is no key of an object`)
}

export function missing(url: string, key: string, cause?: unknown): LakeError {
  return new LakeError('OBJECT_MISSING', `there is no ${url}${key}`, { cause })
}

export function tooLarge(url: string, key: string, size: number, limit: number): LakeError {
  return new LakeError('OBJECT_TOO_LARGE', `${url}${key} has ${size} bytes, more than ${limit}`)
}
