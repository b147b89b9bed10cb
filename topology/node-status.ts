/** What a node tells of itself: plain data, for metrics, the console and tests. */
import type { RestoreEvent } from './changelog-reader.ts'
import type { StandbyStatus } from './standby.ts'
import type { Task } from './task.ts'
import type { ThreadStatus } from './thread-status.ts'

/** What a task has done since it began here. */
export interface TaskStatus {
  readonly name: string
  /** The client id of the thread that runs it. */
  readonly thread: string
  /** Records taken from the input. */
  readonly processed: number
  readonly deadLettered: number
  /** Records left out, because the failure policy said so. */
  readonly skipped: number
  /** Windows closed, and handed on. */
  readonly windowsClosed: number
  /** Records that passed each output of each node of the graph. */
  readonly outputs: readonly { readonly node: string; readonly output: string; readonly count: number }[]
  /** Changes that each store has handed to commits. */
  readonly changes: readonly { readonly store: string; readonly count: number }[]
}

/** @param thread the client id of the thread that runs it */
export function taskStatus(task: Task, thread: string): TaskStatus {
  const { name, processed, deadLettered, skipped, operators, changes } = task
  return {
    name,
    thread,
    processed,
    deadLettered,
    skipped,
    windowsClosed: operators.counts.closed,
    outputs: operators.ports.map(({ node, output, count }) => ({ node, output, count })),
    changes: operators.stores.map(({ name: store }) => ({ store, count: changes.get(store) ?? 0 })),
  }
}

/** What the tasks that a node runs now (or ran when it was closed) have done since they began here; sums over tasks. */
export interface NodeStatus {
  readonly tasks: readonly TaskStatus[]
  /** What the threads have done since the node began, also in tasks that are gone. */
  readonly threads: readonly ThreadStatus[]
  /** Copies of the state of tasks that run elsewhere; `lag`: how many offsets each lacks, if that is known. */
  readonly standbys: readonly StandbyStatus[]
  /** Stores of tasks that are about to run here; `left`: offsets of the changelog not read yet, records at most. */
  readonly restoring: readonly Pick<RestoreEvent, 'task' | 'store' | 'left'>[]
  /** Records taken from the input. */
  readonly processed: number
  readonly deadLettered: number
  /** Records left out, because `onFailure` said so. */
  readonly skipped: number
  /** Windows closed, and handed on. */
  readonly windowsClosed: number
  /** Records that passed each output of each node of the graph. */
  readonly outputs: readonly { readonly node: string; readonly output: string; readonly count: number }[]
}

/** With the sums over tasks. */
export function nodeStatus(
  parts: Pick<NodeStatus, 'tasks' | 'threads' | 'standbys' | 'restoring'>,
): NodeStatus {
  const { tasks } = parts
  const outputs = new Map<string, { node: string; output: string; count: number }>()
  for (const { node, output, count } of tasks.flatMap(task => task.outputs)) {
    const id = `${node} ${output}`
    const sum = outputs.get(id) ?? { node, output, count: 0 }
    sum.count += count
    outputs.set(id, sum)
  }
  const total = (of: 'processed' | 'deadLettered' | 'skipped' | 'windowsClosed'): number =>
    tasks.reduce((sum, task) => sum + task[of], 0)
  return {
    ...parts,
    processed: total('processed'),
    deadLettered: total('deadLettered'),
    skipped: total('skipped'),
    windowsClosed: total('windowsClosed'),
    outputs: [...outputs.values()],
  }
}
