/**
 * Records that made a task fail half-way, and that it passes over when it meets them again.
 *
 * When an operator throws, the operators before it may have changed their stores, put records into the output or kept
 * something of their own; nothing but the last commit is known to be whole. So the task is thrown away and starts again
 * from there, with the record marked, and the answer of the failure policy is carried out when the record comes by again,
 * before it enters the topology. Step by step:
 *
 * 1. The record at offset n throws. The handler answers, and the record is marked, in the same turn: nothing runs between.
 * 2. The task is dropped without a commit. A commit that was sent before holds positions of at most n, since a task is at n
 *    until n is done: so n is still before whoever goes on. A mark changes nothing in the log.
 * 3. The thread asks the group whether the task is still its own. If it is not, the marks are forgotten (`thread.ts`, where
 *    a task leaves): the new owner meets n, fails in its own right and asks its own handler. Nothing is lost between the
 *    two, because neither has committed beyond n.
 * 4. If it is, the task starts from the committed positions, which are not beyond n, fetches again, and does again what was
 *    not committed. An offset names the same record at every fetch; order *within* a partition is the same, so all before n
 *    is processed before n is met. Between partitions the order may differ, and another record m may fail before n is
 *    met: then m is marked too and the task starts again. Every start adds a mark, so this ends.
 * 5. At n, the record is put into the dead-letter topic, or left out, and the position moves on: both in the commit that
 *    follows at once (`Task.full`), so that the next failure throws away little.
 * 6. If the process is killed before that commit, marks and dead letter are both gone, and it begins again at 1; if after, n
 *    lies before the committed position. So there is one dead letter under exactly-once.
 * 7. The next start forgets the marks that lie before its positions.
 *
 * Where it was the result of a window that failed, the mark says so: then the record at n is processed, and the window is
 * passed over when n closes it. Should another record close it this time, it fails once more, and that one is marked.
 */
import { TickerError } from './errors.ts'
import {
  type FailureAnswer,
  type FailureReason,
  type InputRecord,
  messageOf,
  subjectOf,
} from './failure-policy.ts'
import type { CommittedOffset } from './log/log.ts'
import type { ClosedWindow } from './operators/closed-windows.ts'

/** Failures of a task with no record processed between them, after which it is no longer taken for the records' fault. */
const IN_A_ROW = 100

export interface PoisonRecord extends FailureReason {
  readonly answer: Exclude<FailureAnswer, 'fail'>
}

/** A record that closed windows whose results failed: these are passed over, it is not. */
export class PoisonWindows {
  readonly #windows = new Map<string, PoisonRecord>()

  add(poison: PoisonRecord, window: ClosedWindow): void {
    this.#windows.set(idOf(window), poison)
  }

  find(window: ClosedWindow): PoisonRecord | undefined {
    return this.#windows.get(idOf(window))
  }
}

function idOf({ operator, key, start, end }: ClosedWindow): string {
  return `${operator} ${start} ${end} ${key.toString('latin1')}`
}

/** The marks of one task: they outlive the `Task`, which is thrown away. */
export class PoisonRecords {
  /** By topic and offset; a task has one partition of each topic. */
  readonly #records = new Map<string, Map<number, PoisonRecord | PoisonWindows>>()
  #inARow = 0

  /**
   * @param afterProgress whether the task has processed a record beyond the last failure
   * @throws TickerError PROCESSING_FAILED when too many failed in a row
   */
  mark(record: InputRecord, poison: PoisonRecord, { afterProgress }: { afterProgress: boolean }): void {
    this.#inARow = afterProgress ? 1 : this.#inARow + 1
    if (this.#inARow > IN_A_ROW) {
      throw new TickerError(
        'PROCESSING_FAILED',
        `${IN_A_ROW} records in a row failed, the last at ${subjectOf({ ...poison, record })} in ${poison.operator}: ${messageOf(poison.error)}`,
        { cause: poison.error },
      )
    }
    const offsets = this.#records.get(record.topic) ?? new Map<number, PoisonRecord | PoisonWindows>()
    this.#records.set(record.topic, offsets)
    if (poison.window === undefined) {
      offsets.set(record.offset, poison)
      return
    }
    const known = offsets.get(record.offset)
    const windows = known instanceof PoisonWindows ? known : new PoisonWindows()
    windows.add(poison, poison.window)
    offsets.set(record.offset, windows)
  }

  /** Those of a topic, by offset. */
  of(topic: string): ReadonlyMap<number, PoisonRecord | PoisonWindows> | undefined {
    return this.#records.get(topic)
  }

  get size(): number {
    let size = 0
    for (const offsets of this.#records.values()) size += offsets.size
    return size
  }

  /** Forgets what lies before the positions that a task starts from. */
  forgetBefore(positions: readonly CommittedOffset[]): void {
    for (const { topic, position } of positions) {
      const offsets = this.#records.get(topic)
      for (const offset of offsets?.keys() ?? []) if (offset < position) offsets?.delete(offset)
      if (offsets?.size === 0) this.#records.delete(topic)
    }
  }
}
