/** A Parquet file in the object store, read in ranges: its footer first, then what is asked for. */
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync } from 'hyparquet'
import { LakeError } from './errors.ts'
import type { ObjectStore, ObjectSummary } from './object-store.ts'

export interface ParquetFile {
  readonly file: AsyncBuffer
  readonly metadata: FileMetaData
}

/** @throws LakeError PARQUET_INVALID, OBJECT_MISSING, and what the store has to say */
export async function openParquet(
  store: ObjectStore,
  { key, size }: Pick<ObjectSummary, 'key' | 'size'>,
): Promise<ParquetFile> {
  const file: AsyncBuffer = {
    byteLength: size,
    async slice(start, end = size) {
      const bytes = await store.get(key, { range: { start, end } })
      // A buffer of its own, not a view into a pool.
      return Uint8Array.from(bytes).buffer
    },
  }
  if (size < 12) throw invalid(store, key, `it has ${size} bytes`)
  try {
    return { file, metadata: await parquetMetadataAsync(file) }
  } catch (cause) {
    if (cause instanceof LakeError) throw cause
    throw invalid(store, key, cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function invalid(store: ObjectStore, key: string, reason: string, cause?: unknown): LakeError {
  return new LakeError('PARQUET_INVALID', `${store.url}${key} is no Parquet file: ${reason}`, { cause })
}
