import { RecordCursor, splitRecords } from '../record-batch.ts'
import type { StoredBatch } from './partition.ts'

/**
 * Keeps of the records below `stableEnd` the latest per key, at their offsets; deletions (null values) written before
 * `tombstoneHorizon` go as well. What lies beyond `stableEnd` may still be aborted and is left alone.
 */
export function compact(
  batches: readonly StoredBatch[],
  stableEnd: number,
  tombstoneHorizon: number,
): StoredBatch[] {
  const cursor = new RecordCursor()
  const latest = new Map<string, number>()
  for (const batch of batches) {
    if (batch.baseOffset >= stableEnd) break
    cursor.reset(batch, 0)
    while (cursor.next()) latest.set(nameOf(cursor.key), cursor.offset)
  }
  const result: StoredBatch[] = []
  for (const batch of batches) {
    if (batch.baseOffset >= stableEnd) {
      result.push(batch)
      continue
    }
    const kept: Buffer[] = []
    const records = splitRecords(batch)
    cursor.reset(batch, 0)
    for (let i = 0; cursor.next(); i++) {
      const expired = cursor.value === null && batch.appendedAt < tombstoneHorizon
      if (!expired && latest.get(nameOf(cursor.key)) === cursor.offset) kept.push(records[i]!)
    }
    if (kept.length === batch.count) result.push(batch)
    else if (kept.length > 0) result.push({ ...batch, count: kept.length, bytes: Buffer.concat(kept) })
  }
  return result
}

function nameOf(key: Buffer | null): string {
  return key === null ? '' : key.toString('latin1')
}
