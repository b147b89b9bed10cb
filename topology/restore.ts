/**
 * Brings a task's stores to the last commit: the local database, as far as it goes, then the changelog beyond it.
 *
 * To be called after the task's producer was initialised (which ends a transaction that a predecessor left open), so that
 * what is read is all there is.
 */
import type { Checkpoint, StateBackend, StoreChange, TaskStore } from '../state/store.ts'
import type { Log } from './log/log.ts'
import { RecordCursor } from './log/record-batch.ts'
import { changelogTopic } from './plan.ts'
import type { Task } from './task.ts'

/** Entries applied to the database in one write. */
const WRITE_SIZE = 10_000
/** Milliseconds a poll of the changelog waits for more. */
const POLL_WAIT = 100

export interface RestoreOptions {
  readonly log: Log
  readonly state: StateBackend
  readonly applicationId: string
  readonly clientId: string
  /** False when the task was taken away meanwhile: restoring stops. */
  readonly wanted: () => boolean
  readonly onNotice: (text: string) => void
}

export interface Restored {
  readonly database: TaskStore
  readonly checkpoint: Checkpoint
  /** Records read from changelogs. */
  readonly records: number
}

/** @throws TickerError, StateError; undefined when no longer wanted (the database is closed) */
export async function restore(task: Task, options: RestoreOptions): Promise<Restored | undefined> {
  const { state, onNotice, wanted } = options
  const database = await state.open(task.name, reason =>
    onNotice(`the local state of task ${task.name} was set aside and is rebuilt: ${reason}`),
  )
  try {
    let checkpoint = await usable(task, database, options)
    let records = 0
    for (const store of task.operators.stores) {
      const tail = await readTail(task, store.name, database, checkpoint, options)
      if (tail === undefined) {
        await database.close()
        return undefined
      }
      checkpoint = tail.checkpoint
      records += tail.records
      for await (const entries of database.scan(store.name)) {
        for (const { key, value } of entries) store.load(key, value)
      }
    }
    for (const decisions of task.operators.decisions) await decisions.restored()
    if (wanted()) return { database, checkpoint, records }
    await database.close()
    return undefined
  } catch (error) {
    await database.close()
    throw error
  }
}

/** The database's checkpoint, if its contents are those of this log and layout; else it is emptied. */
async function usable(task: Task, database: TaskStore, options: RestoreOptions): Promise<Checkpoint> {
  const identities: Record<string, string> = {}
  const layouts: Record<string, string> = {}
  const positions: Record<string, number> = {}
  const found = database.checkpoint
  let same = found !== undefined
  for (const { name, layout } of task.operators.stores) {
    const topic = changelogTopic(options.applicationId, name)
    identities[name] = (await options.log.admin.describeTopic(topic))?.identity ?? ''
    layouts[name] = layout
    positions[name] = found?.positions[name] ?? 0
    const end = await changelogEnd(topic, task, options.log)
    // A state beyond the changelog's end: the log lost what it had acknowledged.
    same &&=
      found?.identities[name] === identities[name] && found.layouts[name] === layout && positions[name] <= end
  }
  const checkpoint = { identities, layouts, positions }
  if (same) return checkpoint
  for (const name of Object.keys(positions)) positions[name] = 0
  if (found !== undefined) {
    options.onNotice(`the local state of task ${task.name} belongs to another log or layout and is rebuilt`)
    await database.clear()
  }
  return checkpoint
}

async function changelogEnd(topic: string, task: Task, log: Log): Promise<number> {
  return (await log.admin.offsets(topic)).find(each => each.partition === task.id.partition)?.end ?? 0
}

/** Applies the changelog beyond the checkpoint to the database. Undefined when no longer wanted. */
async function readTail(
  task: Task,
  store: string,
  database: TaskStore,
  checkpoint: Checkpoint,
  options: RestoreOptions,
): Promise<{ checkpoint: Checkpoint; records: number } | undefined> {
  const tp = { topic: changelogTopic(options.applicationId, store), partition: task.id.partition }
  const bounds = (await options.log.admin.offsets(tp.topic)).find(each => each.partition === tp.partition)
  let position = Math.max(checkpoint.positions[store] ?? 0, bounds?.start ?? 0)
  const end = bounds?.end ?? 0
  if (position >= end) return { checkpoint, records: 0 }
  const reader = await options.log.reader({ clientId: options.clientId })
  const cursor = new RecordCursor()
  let changes: StoreChange[] = []
  let records = 0
  const flush = async (): Promise<void> => {
    checkpoint = { ...checkpoint, positions: { ...checkpoint.positions, [store]: position } }
    await database.write(new Map([[store, changes]]), checkpoint)
    changes = []
  }
  try {
    reader.seek(tp, position)
    while (position < end) {
      if (!options.wanted()) return undefined
      for (const batch of await reader.poll(POLL_WAIT)) {
        cursor.reset(batch, position)
        while (cursor.next()) {
          changes.push({
            key: Buffer.from(cursor.key ?? []),
            value: cursor.value && Buffer.from(cursor.value),
          })
          records++
        }
        position = batch.lastOffset + 1
      }
      if (changes.length >= WRITE_SIZE) await flush()
    }
    await flush()
  } finally {
    await reader.close()
  }
  return { checkpoint, records }
}
