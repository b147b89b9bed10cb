/** From a task to one that runs: its producer initialised, its stores restored, its positions found. */
import type { Checkpoint, StateBackend, TaskStore } from '../state/store.ts'
import type { RestoreEvent } from './changelog-reader.ts'
import type { CommitScope, ProcessingGuarantee } from './commit.ts'
import { TickerError } from './errors.ts'
import type { Consumer, Log, Producer, TopicPartition } from './log/log.ts'
import type { Plan } from './plan.ts'
import { checkPositions } from './reflected.ts'
import { restore } from './restore.ts'
import type { Task } from './task.ts'
import type { Timers } from './timers.ts'

/** A task with all that a commit of it needs. */
export interface Running extends CommitScope {
  committedAt: number
  checkpoint: Checkpoint
  /** The commit under way. Does not reject. */
  committing: Promise<void> | undefined
  /** Inputs that are paused because it holds enough of them. */
  paused: readonly TopicPartition[]
}

export interface StartOptions {
  readonly log: Log
  readonly plan: Plan
  readonly clientId: string
  readonly guarantee: ProcessingGuarantee
  readonly consumer: Pick<Consumer, 'commit'>
  readonly state: StateBackend
  readonly timers: Timers
  readonly listener: {
    onNotice(text: string): void
    onRestored(task: string, records: number): void
    onRestore(event: RestoreEvent): void
  }
  /** False once the task was taken away. */
  readonly wanted: () => boolean
  /** Resolves when no task of this thread is being started. */
  readonly restoresEnd: () => Promise<void>
  /** It has come a step further. */
  readonly onStep: () => void
}

/**
 * Asks after every await whether the task is still wanted.
 * @throws TickerError TASK_MIGRATED when it is not, with nothing left open
 */
export async function startTask(task: Task, options: StartOptions): Promise<Running> {
  const { log, plan, clientId, guarantee, timers, consumer, state, listener, wanted, restoresEnd, onStep } =
    options
  const { applicationId } = plan
  const transactionalId = guarantee === 'exactly_once' ? `${applicationId}-${task.name}` : undefined
  const checkWanted = (): void => {
    onStep()
    if (!wanted()) throw new TickerError('TASK_MIGRATED', `task ${task.name} was taken away`)
  }
  const producer = await log.producer({
    clientId,
    transactionalId,
    reach: { ...task.reach, group: applicationId },
    onNotice: text => listener.onNotice(text),
  })
  let database: TaskStore | undefined
  try {
    checkWanted()
    await producer.init()
    checkWanted()
    // Only now: the positions and the changelog stand still, since a predecessor is fenced.
    const committed = await log.admin.stablePositions(applicationId, task.inputs)
    checkWanted()
    const { onNotice, onRestore } = listener
    const where = { log, state, applicationId, clientId, timers }
    const restored = await restore(task, committed, { ...where, wanted, restoresEnd, onNotice, onRestore })
    database = restored?.database
    checkWanted()
    if (restored === undefined) throw new TickerError('TASK_MIGRATED', `task ${task.name} was taken away`)
    // Without transactions positions are written after the state, and may be behind it.
    if (guarantee === 'exactly_once')
      checkPositions(task.name, task.inputs, committed, restored.checkpoint.inputs ?? {})
    task.start(committed)
    await task.decide()
    checkWanted()
    listener.onRestored(task.name, restored.records)
    return {
      task,
      applicationId,
      guarantee,
      producer,
      database: restored.database,
      timers,
      consumer,
      checkpoint: restored.checkpoint,
      committedAt: timers.now(),
      committing: undefined,
      paused: [],
    }
  } catch (error) {
    task.close()
    await release({ producer, database })
    throw error
  }
}

/** A commit under way is let end: what it decided counts, and its database must not be closed before. */
export async function release({
  committing,
  producer,
  database,
}: {
  readonly committing?: Promise<void> | undefined
  readonly producer: Producer
  readonly database: TaskStore | undefined
}): Promise<void> {
  await committing
  await producer.close()
  await database?.close()
}
