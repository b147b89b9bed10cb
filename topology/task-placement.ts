/**
 * A member's part in placing tasks, beside running its own: it tells the group whose state lies here and how far that reaches,
 * keeps the standbys that the leader gives it, and leaves tasks that this version cannot run to others.
 */
import type { Checkpoint, StateBackend } from '../state/store.ts'
import { stickyAssignor, tellPlacement } from './assignor.ts'
import { recoveryOf } from './errors.ts'
import { messageOf } from './failure-policy.ts'
import type { Assignment, ConsumerOptions, Log } from './log/log.ts'
import type { TaskStateStore } from './operators/context.ts'
import { encodeMember, nowhere, type Placement, placementOf } from './placement.ts'
import { type Plan, type TaskId, taskName } from './plan.ts'
import { StandbyTasks } from './standby.ts'
import type { Timers } from './timers.ts'

export interface TaskPlacementOptions {
  readonly log: Log
  readonly plan: Plan
  readonly clientId: string
  /** The process: tasks and their standbys are kept in different ones. */
  readonly node: string
  /** `host:port` where its stores can be read, for the other members to know. */
  readonly endpoint: string | undefined
  /** Copies of each task's state that the group keeps. */
  readonly standbyReplicas: number
  readonly state: StateBackend
  readonly timers: Timers
  readonly onNotice: (text: string) => void
  /** New, empty stores of a task. */
  readonly storesOf: (id: TaskId) => readonly TaskStateStore[]
  /** What the tasks that run here have committed, by their names. */
  readonly running: () => ReadonlyMap<string, Checkpoint>
  /** Asks the group to divide its work anew. */
  readonly rejoin: () => void
}

export class TaskPlacement {
  readonly standbys: StandbyTasks
  readonly #options: TaskPlacementOptions
  /** Tasks whose state lies here but is not open, with the offsets that it reflects; 0 where that is not known. */
  readonly #local = new Map<string, number>()
  /** Tasks that this version cannot run. */
  readonly #refused = new Set<string>()
  #placement = nowhere

  constructor(options: TaskPlacementOptions) {
    this.#options = options
    this.standbys = new StandbyTasks({
      ...options,
      applicationId: options.plan.applicationId,
      onTooNew: task => this.#leave(task),
    })
  }

  /** Finds out what lies here. */
  async start(): Promise<void> {
    for (const task of await this.#options.state.list()) this.#local.set(task, 0)
  }

  /** How it takes part in the group. */
  get membership(): Pick<ConsumerOptions, 'topics' | 'assignor' | 'metadata' | 'tell'> {
    const groups = this.#options.plan.subTopologies.map(part => part.sourceTopics)
    return {
      topics: groups.flat(),
      assignor: stickyAssignor(groups),
      metadata: () => this.#tell(),
      tell: tellPlacement(groups, this.#options.standbyReplicas),
    }
  }

  /** Which member has which task, as of the last assignment acted on. */
  get current(): Placement {
    return this.#placement
  }

  /** To be called when an assignment is acted on, and the tasks that it takes away are gone. */
  assigned({ metadata }: Assignment): void {
    this.#placement = placementOf(metadata)
    this.standbys.assign(this.#placement.standby.flatMap(name => this.#idOf(name) ?? []))
  }

  /** A task runs here no more. */
  dropped(task: string, checkpoint: Checkpoint): void {
    this.#local.set(task, offsetsOf(checkpoint))
  }

  /** Whether the error says that other members must run the task. If there are none that can, it stands still. */
  leaves(task: string, error: unknown): boolean {
    if (recoveryOf(error) !== 'leave') return false
    this.#options.onNotice(`task ${task} is left to other nodes: ${messageOf(error)}`)
    this.#leave(task)
    return true
  }

  async close(): Promise<void> {
    await this.standbys.close()
  }

  #leave(task: string): void {
    if (this.#refused.has(task)) return
    this.#refused.add(task)
    this.#options.rejoin()
  }

  #tell(): string {
    const positions = Object.fromEntries(this.#local)
    for (const [name, checkpoint] of [...this.standbys.checkpoints, ...this.#options.running()])
      positions[name] = offsetsOf(checkpoint)
    const { node, endpoint } = this.#options
    return encodeMember({ node, endpoint, positions, refused: [...this.#refused] })
  }

  /** Undefined where there is nothing to keep a copy of. */
  #idOf(name: string): TaskId | undefined {
    if (this.#refused.has(name)) return undefined
    const part = this.#options.plan.subTopologies.find(({ id }) => name.startsWith(`${id}_`))
    if (part === undefined || part.stores.length === 0) return undefined
    const id = { subTopology: part.id, partition: Number(name.slice(name.indexOf('_') + 1)) }
    return taskName(id) === name ? id : undefined
  }
}

/** How far a state reaches, in one number that can be compared among members. */
function offsetsOf({ positions }: Checkpoint): number {
  return Object.values(positions).reduce((sum, position) => sum + position, 0)
}
