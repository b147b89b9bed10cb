/**
 * What a stream thread has done since it began, as plain numbers. They only rise, whichever tasks come and go; Kafka Streams
 * has most of them as its thread-level metrics.
 */
import type { RestoreEvent } from './changelog-reader.ts'
import type { TaskSnapshot } from './commit.ts'
import { type Distribution, distribution, observe } from './distribution.ts'

/** Seconds: of what happens within a node, and of what waits for others too. */
const SHORT = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const LONG = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600]

/** Durations are seconds. */
export interface ThreadStatus {
  /** Its client id. */
  readonly name: string
  /** Steps of its loop, each of which polls once. */
  readonly polls: number
  /** Spent in polls, most of it in waiting for records. */
  readonly pollTime: number
  /** In which it took records through the topology, or did what was due. */
  readonly processTime: number
  /** That had something to commit, and succeeded. */
  readonly commits: number
  readonly failedCommits: number
  readonly commitLatency: Distribution
  /**
   * From the timestamp that the newest record of a commit has in the log (its producer's, or the broker's where the topic says
   * LogAppendTime) until that commit was over.
   */
  readonly recordLatency: Distribution
  /** Assignments acted on. */
  readonly rebalances: number
  /** From an assignment until everything of it runs here, restores included. */
  readonly assignmentLatency: Distribution
  /** How often the group took it for dead, or it was fenced. */
  readonly lostMemberships: number
  readonly tasksCreated: number
  /** Tasks begun anew because something failed. */
  readonly taskRetries: number
  /** Stores restored, and what was read of their changelogs. */
  readonly restores: number
  readonly restoredRecords: number
  readonly restoredBytes: number
  /** How long its event loop kept a timer waiting: of a worker thread; absent of a node's only thread. */
  readonly loopDelay?: Distribution
}

/** Counts. Times are milliseconds since the epoch. */
export class ThreadMeasures implements ThreadStatus {
  readonly name: string
  polls = 0
  pollTime = 0
  processTime = 0
  commits = 0
  failedCommits = 0
  readonly commitLatency = distribution(SHORT)
  readonly recordLatency = distribution(LONG)
  rebalances = 0
  readonly assignmentLatency = distribution(LONG)
  lostMemberships = 0
  tasksCreated = 0
  taskRetries = 0
  restores = 0
  restoredRecords = 0
  restoredBytes = 0
  /** When the assignment came of which not everything runs yet. */
  assignedAt: number | undefined

  constructor(name: string) {
    this.name = name
  }

  assigned(assignments: number, now: number): void {
    this.rebalances += assignments
    this.assignedAt ??= now
  }

  /** Everything assigned runs. */
  settled(now: number): void {
    if (this.assignedAt === undefined) return
    observe(this.assignmentLatency, (now - this.assignedAt) / 1000)
    this.assignedAt = undefined
  }

  /** A poll and a turn of all tasks are over. */
  stepped(began: number, polled: number, now: number): void {
    this.pollTime += (polled - began) / 1000
    this.processTime += (now - polled) / 1000
  }

  /** A commit succeeded. */
  committed({ passed }: TaskSnapshot, began: number, now: number): void {
    this.commits++
    observe(this.commitLatency, (now - began) / 1000)
    if (passed !== undefined) observe(this.recordLatency, Math.max(0, now - passed) / 1000)
  }

  /** What was read counts once a restore is over. */
  restored({ type, records, bytes }: RestoreEvent): void {
    if (type !== 'end' && type !== 'suspended') return
    if (type === 'end') this.restores++
    this.restoredRecords += records
    this.restoredBytes += bytes
  }
}

/** Of timers that come several times a second. */
export function newLoopDelay(): Distribution {
  return distribution(SHORT)
}
