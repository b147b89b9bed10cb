/**
 * A table read straight from a topic can have that topic for its changelog (optimization.ts): its rows are there already.
 * Nothing is written for them then. What a restore reads is bounded by what is committed of the topic, not by its end: a
 * row beyond that would be told as the old value of the very record that makes it.
 *
 * A standby does not follow such a topic: it cannot know how far the owner of the task is.
 */
import type { Checkpoint, StoreChange, TaskStore } from '../state/store.ts'
import { encodeTimestamped } from '../state/timestamped.ts'
import type { CommittedOffset, Log } from './log/log.ts'
import { RecordCursor } from './log/record-batch.ts'
import type { TableStoreSpec } from './nodes/tables.ts'
import { readyOf } from './serde.ts'
import type { Timers } from './timers.ts'

/** Records applied to the database in one write. */
const WRITE_SIZE = 20_000
/** Milliseconds a poll waits for more, and until something that could not be fetched is asked for again. */
const POLL_WAIT = 100
const RETRY = 1000

export interface SourceChangelog {
  readonly topic: string
  /** The row that a record makes; undefined if it was given up (partition-group.ts). @throws what `readyOf` knows */
  rowOf(record: Pick<RecordCursor, 'key' | 'value' | 'timestamp'>): StoreChange | undefined
}

export function sourceChangelog(spec: TableStoreSpec): SourceChangelog | undefined {
  const { changelog: topic, key: keys, value: values } = spec
  if (topic === undefined) return undefined
  const isTime = (time: number): boolean => Number.isSafeInteger(time) && time >= 0
  return {
    topic,
    rowOf({ key, value, timestamp }) {
      if (key === null || !isTime(timestamp)) return undefined
      try {
        const row = { key: keys.serialize(keys.deserialize(key)), value: null }
        if (value === null) return row
        return { ...row, value: encodeTimestamped(values, { value: values.deserialize(value), timestamp }) }
      } catch (error) {
        if (readyOf(error) !== undefined) throw error
        return undefined
      }
    },
  }
}

export interface SourceRestore {
  readonly store: string
  readonly changelog: SourceChangelog
  /** Where the task begins. */
  readonly end: CommittedOffset
  readonly log: Log
  readonly clientId: string
  readonly timers: Timers
  readonly database: TaskStore
  readonly checkpoint: Checkpoint
  /** False when the task was taken away meanwhile. */
  readonly wanted: () => boolean
}

/** Reads from the checkpoint to the end. Answers with the new checkpoint and how many records; undefined if not wanted. */
export async function restoreFromSource(
  options: SourceRestore,
): Promise<{ readonly checkpoint: Checkpoint; readonly records: number } | undefined> {
  const { store, changelog, end, log, clientId, database, wanted } = options
  const { topic, partition, position: last } = end
  let { checkpoint } = options
  const bounds = (await log.admin.offsets(topic)).find(each => each.partition === partition)
  let position = Math.max(checkpoint.positions[store] ?? 0, bounds?.start ?? 0)
  let rows: StoreChange[] = []
  let records = 0
  const flush = async (): Promise<void> => {
    checkpoint = { ...checkpoint, positions: { ...checkpoint.positions, [store]: position } }
    await database.write(new Map([[store, rows]]), checkpoint)
    rows = []
  }
  if (position >= last) return { checkpoint, records }
  const reader = await log.reader({ clientId })
  const cursor = new RecordCursor()
  try {
    reader.seek({ topic, partition }, position)
    while (position < last) {
      if (!wanted()) return undefined
      for (const batch of await reader.poll(POLL_WAIT)) {
        cursor.reset(batch, position)
        while (cursor.next() && cursor.offset < last) {
          const row = rowOf(changelog, cursor, options)
          const made = row instanceof Promise ? await row : row
          if (row instanceof Promise && !wanted()) return undefined
          if (made !== undefined) rows.push(made)
          records++
        }
        position = Math.min(batch.lastOffset + 1, last)
      }
      if (rows.length >= WRITE_SIZE) await flush()
    }
    await flush()
    return { checkpoint, records }
  } finally {
    await reader.close()
  }
}

/** A promise only where the record needs something before it can be decoded: it waits for that while the task is wanted. */
function rowOf(
  changelog: SourceChangelog,
  cursor: RecordCursor,
  options: SourceRestore,
): StoreChange | undefined | Promise<StoreChange | undefined> {
  const { timers, wanted } = options
  try {
    return changelog.rowOf(cursor)
  } catch (error) {
    const ready = readyOf(error)?.catch(() => new Promise<void>(resolve => timers.after(RETRY, resolve)))
    return Promise.resolve(ready).then(() => (wanted() ? rowOf(changelog, cursor, options) : undefined))
  }
}
