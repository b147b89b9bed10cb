/**
 * What goes wrong in a simulation, as plain data: so that a failing one can be run again with fewer faults. A fault
 * happens at a time, or at the nth call of an operation of the log or of the local state, counted over all processes.
 */

/** Everything a process asks of the log or its disk. */
export const operations = {
  createTopics: 6,
  describeTopic: 40,
  offsets: 60,
  committed: 15,
  consumer: 4,
  poll: 200,
  heartbeat: 8,
  offsetCommit: 80,
  leave: 2,
  producer: 15,
  init: 15,
  send: 80,
  sendOffsets: 80,
  commit: 80,
  abort: 4,
  closeProducer: 15,
  reader: 30,
  read: 60,
  closeReader: 30,
  open: 15,
  scan: 60,
  write: 80,
  clear: 3,
  closeStore: 15,
} as const

export type Operation = keyof typeof operations

export const isOperation = (name: string): name is Operation => name in operations

/** What a process finds on its disk when it starts again. */
export type DiskAfterCrash = 'kept' | 'lost' | 'older' | 'corrupt'

export type Action =
  /** kill -9; a supervisor starts the process again. */
  | { readonly kind: 'crash'; readonly disk: DiskAfterCrash; readonly restartAfter: number }
  /** SIGSTOP, then SIGCONT. */
  | { readonly kind: 'pause'; readonly duration: number }
  /** SIGTERM; the process is started again, or not (a node that leaves). */
  | { readonly kind: 'stop'; readonly restartAfter: number | undefined }
  /** Another node. */
  | { readonly kind: 'join' }
  /** The call fails and does nothing. */
  | { readonly kind: 'fail' }
  /** The call does what it should and its answer is lost. */
  | { readonly kind: 'loseAnswer' }
  /** The request or its answer is late. */
  | { readonly kind: 'delay'; readonly duration: number; readonly where: 'request' | 'answer' }

export interface Fault {
  readonly action: Action
  readonly at:
    | { readonly time: number; readonly node: number }
    | { readonly operation: Operation; readonly nth: number; readonly moment: 'before' | 'after' }
}

export interface FaultOptions {
  readonly count: number
  /** Milliseconds in which faults at a time happen. */
  readonly duration: number
  readonly sessionTimeout: number
}

export function randomFaults(random: () => number, options: FaultOptions): Fault[] {
  return Array.from({ length: options.count }, () => randomFault(random, options))
}

function randomFault(random: () => number, { duration, sessionTimeout }: FaultOptions): Fault {
  const below = (limit: number): number => Math.floor(random() * limit)
  if (random() < 0.25) {
    return {
      at: { time: below(duration), node: below(4) },
      action: processAction(random, sessionTimeout),
    }
  }
  const names = Object.keys(operations).filter(isOperation)
  const operation = random() < 0.5 ? pick(random, hot) : pick(random, names)
  const moment = random() < 0.5 ? 'before' : 'after'
  const at = { operation, nth: 1 + below(operations[operation]), moment } as const
  const which = random()
  if (which < 0.2) return { at, action: { kind: 'loseAnswer' } }
  if (which < 0.35) return { at, action: { kind: 'fail' } }
  if (which < 0.45) {
    const late = random() < 0.5 ? below(100) : below(2 * sessionTimeout)
    return { at, action: { kind: 'delay', duration: late, where: random() < 0.5 ? 'request' : 'answer' } }
  }
  return { at, action: processAction(random, sessionTimeout) }
}

/** Where a commit, a takeover and a restore happen. */
const hot: readonly Operation[] = [
  'init',
  'send',
  'sendOffsets',
  'commit',
  'write',
  'committed',
  'read',
  'open',
]

function processAction(random: () => number, sessionTimeout: number): Action {
  const below = (limit: number): number => Math.floor(random() * limit)
  const which = random()
  if (which < 0.45) {
    const disk = pick(random, ['kept', 'kept', 'kept', 'lost', 'older', 'corrupt'] as const)
    return { kind: 'crash', disk, restartAfter: below(random() < 0.5 ? 100 : 3 * sessionTimeout) }
  }
  if (which < 0.75) {
    // Half of them outlive their session: then the process goes on as a zombie.
    const duration = random() < 0.5 ? below(sessionTimeout) : sessionTimeout + below(2 * sessionTimeout)
    return { kind: 'pause', duration }
  }
  if (which < 0.85) return { kind: 'join' }
  return { kind: 'stop', restartAfter: random() < 0.5 ? below(1000) : undefined }
}

export function pick<T>(random: () => number, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!
}
