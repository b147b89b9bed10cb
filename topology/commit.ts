/**
 * A commit: an epoch of a task (task.ts) moves from memory into the log and onto the disk, all or nothing.
 *
 * Under exactly-once the outputs, the changelog and the input positions are one transaction of the log. Under
 * at-least-once they are written one after the other, positions last, so that a crash in between repeats records but loses
 * none. The local database is written after the log's commit in both cases, in one batch with the changelog position
 * it has reached: so it is never ahead of the log, and what it lacks is in the changelog.
 */
import type { Checkpoint, StoreChange, TaskStore } from '../state/store.ts'
import { layoutHeaders } from './layouts.ts'
import type { CommittedOffset, Consumer, Producer, ProducerRecord } from './log/log.ts'
import { changelogTopic } from './plan.ts'
import { further, reflectedBy, reflectedHeader } from './reflected.ts'
import type { Task } from './task.ts'
import type { Timers } from './timers.ts'

export type ProcessingGuarantee = 'exactly_once' | 'at_least_once'

/** Everything one commit moves. */
export interface TaskSnapshot {
  readonly outputs: readonly ProducerRecord[]
  readonly changes: ReadonlyMap<string, readonly StoreChange[]>
  readonly positions: readonly CommittedOffset[]
  /** The timestamp in the log up to which it has come; undefined where no batch was done with. */
  readonly passed: number | undefined
}

export interface CommitScope {
  readonly task: Task
  readonly applicationId: string
  readonly guarantee: ProcessingGuarantee
  /** The task's own, transactional under exactly-once. */
  readonly producer: Producer
  readonly consumer: Pick<Consumer, 'commit'>
  readonly timers: Timers
  /** Undefined where local state is not kept. */
  readonly database: TaskStore | undefined
  /** Changelog positions and identities as of the last commit; replaced by each. */
  checkpoint: Checkpoint
}

/**
 * Answers with what was committed, if there was anything. One at a time for a scope; others and, from step 2 on, the task itself go
 * on meanwhile.
 * @throws whatever the log or the disk threw: the task must then be made anew from its last commit, which discards the epoch
 *   that is committed here and the one that follows; TickerError TASK_MIGRATED when the task was closed before step 3
 */
export async function commit(scope: CommitScope): Promise<TaskSnapshot | undefined> {
  const { task, producer, applicationId } = scope
  // 1. No result may be under way: its record would be committed as done without its outputs.
  task.park()
  await task.drain()
  // 2. From here on records belong to the next epoch, whose output waits in the task, up to a limit. Where nothing is under
  //    way is also where decisions are taken: they hold from the positions of this snapshot on.
  const snapshot = task.dirty ? task.snapshot() : undefined
  await task.decide()
  task.unpark()
  if (snapshot === undefined) return undefined
  // 3. Outputs and changelog, before the positions: a broker may still be ending the previous transaction, and only
  //    a send waits for that.
  const transactional = scope.guarantee === 'exactly_once'
  if (transactional) producer.begin()
  const written = await producer.send([...snapshot.outputs, ...changelogRecords(snapshot, scope)])
  // 4. and 5. The positions make it count.
  if (transactional) {
    await producer.sendOffsets(applicationId, snapshot.positions)
    await producer.commit()
  } else {
    await scope.consumer.commit(snapshot.positions)
  }
  // 6. Never before 5: a local state ahead of the log would count records twice after a crash.
  scope.checkpoint = advance(scope, written, snapshot)
  await scope.database?.write(snapshot.changes, scope.checkpoint)
  // 7. The epoch is released: the next one may be committed.
  return snapshot
}

/** A store's change is a record of its changelog, in the task's own partition. */
function changelogRecords(
  snapshot: TaskSnapshot,
  { task, applicationId, guarantee, timers }: CommitScope,
): ProducerRecord[] {
  // When it was written, not event time: that is what a changelog's segments and tombstones age by.
  const timestamp = timers.now()
  const { partition } = task.id
  return task.operators.stores.flatMap(store => {
    // Its rows are in the topic that they came from.
    if (store.changelog !== undefined) return []
    const changes = snapshot.changes.get(store.name) ?? []
    const topic = changelogTopic(applicationId, store.name)
    const first = changes.find(({ value }) => value !== null) ?? changes[0]
    // Only where positions move with it: after a crash under at-least-once they are behind, which is no loss.
    const reflected = guarantee === 'exactly_once' ? [reflectedHeader(snapshot.positions)] : []
    const headers = [...layoutHeaders(store), ...reflected]
    return changes.map(change => {
      const record = { topic, partition, key: change.key, value: change.value, timestamp }
      return change === first ? { ...record, headers } : record
    })
  })
}

function advance(
  { checkpoint, task, applicationId, guarantee }: CommitScope,
  written: readonly CommittedOffset[],
  snapshot: TaskSnapshot,
): Checkpoint {
  const positions = { ...checkpoint.positions }
  for (const { name, changelog } of task.operators.stores) {
    const topic = changelog?.topic ?? changelogTopic(applicationId, name)
    const ends = changelog === undefined ? written : snapshot.positions
    const end = ends.find(each => each.topic === topic)
    if (end !== undefined) positions[name] = end.position
  }
  if (guarantee !== 'exactly_once') return { ...checkpoint, positions }
  return {
    ...checkpoint,
    positions,
    inputs: further(checkpoint.inputs ?? {}, reflectedBy(snapshot.positions)),
  }
}
