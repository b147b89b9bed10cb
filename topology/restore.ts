/**
 * Brings a task's stores to the last commit: the local database, as far as it goes, then the changelogs beyond it.
 *
 * To be called after the task's producer was initialised (which ends a transaction that a predecessor left open), so that
 * what is read is all there is.
 */
import { filledBeside } from '../state/fill.ts'
import type { Checkpoint, SetAside, StateBackend, TaskStore } from '../state/store.ts'
import { ChangelogReader, type RestoreEvent } from './changelog-reader.ts'
import { codeOf, TickerError } from './errors.ts'
import { messageOf } from './failure-policy.ts'
import { checkLayouts, layoutsOf } from './layouts.ts'
import type { CommittedOffset, Log } from './log/log.ts'
import type { TaskStateStore } from './operators/context.ts'
import { changelogTopic, type TaskId, taskName } from './plan.ts'
import { readyOf } from './serde.ts'
import { restoreFromSource } from './source-changelog.ts'
import type { Task } from './task.ts'
import type { Timers } from './timers.ts'

/** Milliseconds a poll of the changelog waits for more. */
const POLL_WAIT = 100
/** Milliseconds between two attempts to open what is still open, and how long it may be. */
const LOCK_RETRY = 20
const LOCK_PATIENCE = 10_000
/** Milliseconds until something that could not be fetched is asked for again. */
const DECODE_RETRY = 1000

export interface RestoreOptions {
  readonly log: Log
  readonly state: StateBackend
  readonly applicationId: string
  readonly clientId: string
  readonly timers: Timers
  /** False when the task was taken away meanwhile: restoring stops. */
  readonly wanted: () => boolean
  readonly onNotice: (text: string) => void
  readonly onRestore?: (event: RestoreEvent) => void
}

export interface TaskRestoreOptions extends RestoreOptions {
  /** Resolves when no task of this thread is being restored: what is not urgent waits for it. */
  readonly restoresEnd: () => Promise<void>
}

export interface Restored {
  readonly database: TaskStore
  readonly checkpoint: Checkpoint
  /** Records read from changelogs. */
  readonly records: number
}

/**
 * @param committed the positions of the task's inputs
 * @throws TickerError, StateError; undefined when no longer wanted (the database is closed)
 */
export async function restore(
  task: Task,
  committed: readonly CommittedOffset[],
  options: TaskRestoreOptions,
): Promise<Restored | undefined> {
  const { wanted } = options
  const { stores } = task.operators
  const reader = await openState(task.id, stores, { ...options, fill: true })
  if (reader === undefined) return undefined
  const { database } = reader
  try {
    const caughtUp = await reader.catchUp(POLL_WAIT, wanted)
    const sources = caughtUp ? await fromSources(stores, committed, reader, options) : undefined
    if (sources !== undefined && (await load(stores, reader, options))) {
      for (const decisions of task.operators.decisions) await decisions.restored()
      const { checkpoint, records } = sources
      const contents = new Map(reader.unwritten.map(store => [store.name, store.contents?.() ?? []]))
      if (wanted())
        return {
          database: filledBeside(database, contents, checkpoint, options.restoresEnd()),
          checkpoint,
          records: reader.records + records,
        }
    }
    await database.close()
    return undefined
  } catch (error) {
    await database.close()
    throw error
  } finally {
    await reader.close()
  }
}

/** Brings tables that have their source for a changelog to where the task begins. Undefined when no longer wanted. */
async function fromSources(
  stores: readonly TaskStateStore[],
  committed: readonly CommittedOffset[],
  reader: ChangelogReader,
  options: RestoreOptions,
): Promise<{ checkpoint: Checkpoint; records: number } | undefined> {
  let { checkpoint } = reader
  let records = 0
  for (const { name, changelog } of stores) {
    const end = committed.find(({ topic }) => topic === changelog?.topic)
    if (changelog === undefined || end === undefined) continue
    const read = await restoreFromSource({
      ...{ ...options, store: name, changelog, end, checkpoint, database: reader.database },
    })
    if (read === undefined) return undefined
    checkpoint = read.checkpoint
    records += read.records
  }
  return { checkpoint, records }
}

/** Fills from the database the stores that were not filled while it was written. False when no longer wanted. */
async function load(
  stores: readonly TaskStateStore[],
  reader: ChangelogReader,
  options: RestoreOptions,
): Promise<boolean> {
  for (const store of stores) {
    for await (const entries of reader.isFilled(store) ? [] : reader.database.scan(store.name)) {
      for (let at = 0; at < entries.length; ) {
        if (!options.wanted()) return false
        at = await loadFrom(store, entries, at, options)
      }
    }
    store.loaded?.()
  }
  return true
}

type Entry = { readonly key: Buffer; readonly value: Buffer }

/** Loads entries beginning at one; answers with the next to load, having waited for what that needs before it can be decoded. */
export async function loadFrom(
  store: TaskStateStore,
  entries: readonly Entry[],
  start: number,
  { onNotice, timers }: Pick<RestoreOptions, 'onNotice' | 'timers'>,
): Promise<number> {
  let at = start
  try {
    for (; at < entries.length; at++) store.load(entries[at]!.key, entries[at]!.value)
  } catch (error) {
    const wanted = readyOf(error)
    if (wanted === undefined) throw told(store, entries[at]!.key, error)
    await wanted.catch(async reason => {
      onNotice(`store ${store.name} cannot decode its contents yet: ${messageOf(reason)}`)
      await new Promise<void>(resolve => timers.after(DECODE_RETRY, resolve))
    })
  }
  return at
}

/** Of bytes that no layout of the store explains: most often its serde was changed, and its name was not. */
function told(store: TaskStateStore, key: Buffer, cause: unknown): unknown {
  if (codeOf(cause) !== undefined) return cause
  const entry = `the entry ${key.subarray(0, 40).toString('hex')} of store ${store.name}`
  return new TickerError('STATE_INCOMPATIBLE', `${entry} cannot be decoded: ${messageOf(cause)}`, { cause })
}

/**
 * Opens a task's database, if its contents are those of this log and can be read, else a new one, and what brings it up to
 * date. Undefined when no longer wanted. @throws TickerError STATE_TOO_NEW, STATE_INCOMPATIBLE
 */
export async function openState(
  id: TaskId,
  stores: readonly TaskStateStore[],
  options: RestoreOptions & { readonly fill?: boolean },
): Promise<ChangelogReader | undefined> {
  const { state, applicationId, onNotice } = options
  const task = taskName(id)
  const setAside = (reason: string): void =>
    onNotice(`the local state of task ${task} was set aside and is rebuilt: ${reason}`)
  let database = await openWhenFree(task, setAside, options)
  if (database === undefined) return undefined
  try {
    const changelogs = await Promise.all(
      stores.map(async store => {
        const topic = store.changelog?.topic ?? changelogTopic(applicationId, store.name)
        const identity = (await options.log.admin.describeTopic(topic))?.identity ?? ''
        const bounds = (await options.log.admin.offsets(topic)).find(each => each.partition === id.partition)
        return { store, identity, end: bounds?.end ?? 0 }
      }),
    )
    const unusable = whyUnusable(database.checkpoint, changelogs)
    if (unusable !== undefined) {
      await database.close()
      await state.setAside(task, unusable.why)
      setAside(unusable.reason)
      database = await state.open(task, setAside)
    }
    const found = database.checkpoint
    const byStore = <T>(of: (changelog: (typeof changelogs)[number]) => T): Record<string, T> =>
      Object.fromEntries(changelogs.map(each => [each.store.name, of(each)]))
    for (const { store } of changelogs) {
      checkLayouts(store, found?.layouts[store.name] ?? [], task)
      // It was being filled when its process ended.
      if (found?.positions[store.name] === 0) await database.clear(store.name)
    }
    const checkpoint: Checkpoint = {
      // A store that the topology no longer has stays named: it may come back.
      identities: { ...found?.identities, ...byStore(({ identity }) => identity) },
      layouts: { ...found?.layouts, ...byStore(({ store }) => layoutsOf(store)) },
      positions: { ...byStore(() => 0), ...found?.positions },
      inputs: found?.inputs ?? {},
    }
    const { partition } = id
    return new ChangelogReader({ ...options, task, partition, stores, database, checkpoint })
  } catch (error) {
    await database.close()
    throw error
  }
}

/** The task may have run here, or been a standby, until just now: its database is about to be closed. */
async function openWhenFree(
  task: string,
  onSetAside: (reason: string) => void,
  { state, timers, wanted }: RestoreOptions,
): Promise<TaskStore | undefined> {
  const deadline = timers.now() + LOCK_PATIENCE
  while (wanted()) {
    try {
      return await state.open(task, onSetAside)
    } catch (error) {
      if (codeOf(error) !== 'STATE_LOCKED' || timers.now() >= deadline) throw error
    }
    await new Promise<void>(resolve => timers.after(LOCK_RETRY, resolve))
  }
  return undefined
}

/** A store that the checkpoint does not name is new, and empty. */
function whyUnusable(
  checkpoint: Checkpoint | undefined,
  changelogs: readonly { store: TaskStateStore; identity: string; end: number }[],
): { why: SetAside; reason: string } | undefined {
  for (const { store, identity, end } of changelogs) {
    const { [store.name]: known } = checkpoint?.identities ?? {}
    if (known === undefined) continue
    if (known !== identity)
      return { why: 'foreign', reason: `the changelog of store ${store.name} is that of another log` }
    const position = checkpoint?.positions[store.name] ?? 0
    // The log has lost what it had acknowledged, or the directory was copied from elsewhere.
    if (position > end) {
      const reason = `it reflects the changelog of store ${store.name} up to ${position}, which ends at ${end}`
      return { why: 'future', reason }
    }
  }
  return undefined
}
