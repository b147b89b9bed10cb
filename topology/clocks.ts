/**
 * A task's clocks: its stream time, the partition times of its sources, and when its punctuations are due. They are
 * state: without them a restart would punctuate again what it punctuated before. Where the topology reads them
 * (`clockStore` in plan.ts) they are committed and restored with the other stores.
 */
import type { StoreChange } from '../state/store.ts'
import type { TopicPartition } from './log/log.ts'
import type { RecordPosition, StreamRecord } from './record.ts'

/** What drives a punctuation: the task's stream time, or the clock on the wall. */
export type PunctuationType = 'streamTime' | 'wallClock'

export interface Punctuation {
  readonly type: PunctuationType
  /** Milliseconds between one due time and the next. */
  readonly interval: number
  /** Of the first one, milliseconds since the epoch; 0 for stream time and one interval from now for the wall clock if absent. */
  readonly start: number | undefined
  /** Told the clock's time, which may be later than the due time. */
  callback(time: number): void
}

interface Scheduled extends Punctuation {
  /** Under which its due time is kept; undefined if it does not outlive the task. */
  readonly id: string | undefined
  /** Whether it is kept when it was cancelled: scheduled again, it stays so. */
  readonly staysCancelled: boolean
  /** `NEVER` when it was cancelled. */
  due: number
}

const NEVER = Number.POSITIVE_INFINITY

/** How a due time is written. Another interval or clock under the same id is another punctuation. */
interface Kept {
  readonly type: PunctuationType
  readonly interval: number
  /** Null: it was cancelled. */
  readonly due: number | null
}

/** An input partition of the task (partition-group.ts). */
interface Input {
  readonly tp: TopicPartition
  /** Of the head record. */
  readonly offset: number
  readonly record: StreamRecord
  readonly partitionTime: number
}

export class TaskClocks {
  readonly layout = 'clocks-1'
  /** The greatest event time taken from the task's topics; -1 before the first record. Global tables do not count. */
  streamTime = -1
  /** In the order in which they were scheduled. */
  #scheduled: Scheduled[] = []
  /** The earliest due time of each clock's punctuations. */
  readonly #next = { streamTime: NEVER, wallClock: NEVER }
  #inputs: readonly Input[] = []
  /** That of the record now processed. */
  #current: Input | undefined
  /** As in the store: what was loaded, and what was taken as changes. */
  readonly #written = new Map<string, string>()
  /** Entries to be deleted: of punctuations that were cancelled and need not be known any more. */
  readonly #forgotten = new Set<string>()

  load(key: Buffer, value: Buffer): void {
    const [id, text] = [key.toString('utf8'), value.toString('utf8')]
    this.#written.set(id, text)
    if (id === 'streamTime') this.streamTime = Number(text)
  }

  /** The topic's partition time as of the last commit; -1 if it is not known. */
  partitionTime(topic: string): number {
    return Number(this.#written.get(`partitionTime/${topic}`) ?? -1)
  }

  /** Notes a record that is about to be processed. */
  take(input: Input): void {
    this.#current = input
    if (input.record.timestamp > this.streamTime) this.streamTime = input.record.timestamp
  }

  /** Where the record now processed came from; undefined when a punctuation or an asynchronous result is. */
  get position(): RecordPosition | undefined {
    if (this.#current === undefined) return undefined
    const { tp, offset } = this.#current
    return { ...tp, offset }
  }

  /** Says which inputs' partition times are to be kept. */
  keep(inputs: readonly Input[]): void {
    this.#inputs = inputs
  }

  /**
   * Schedules a punctuation. One with an id that was scheduled before the last commit goes on where it was then.
   * @param options.staysCancelled whether one with an id that was cancelled is so also when it is scheduled again; otherwise
   *   it is forgotten when it is cancelled
   * @returns cancels it
   */
  schedule(
    punctuation: Punctuation,
    options: { id?: string; staysCancelled: boolean; now: number },
  ): () => void {
    const { type, interval, start } = punctuation
    const { id, staysCancelled, now } = options
    // One that was cancelled a moment ago begins anew.
    const kept = this.#forgotten.delete(`punctuation/${id}`) ? undefined : this.#kept(id)
    const isCancelled = kept?.due === null && !staysCancelled
    const goesOn = kept?.type === type && kept.interval === interval && !isCancelled
    const time = type === 'streamTime' ? this.streamTime : now
    const due = goesOn ? (kept.due ?? NEVER) : firstDue(type, interval, start, time)
    const scheduled: Scheduled = { ...punctuation, id, staysCancelled, due }
    // One that was cancelled and stays so is in the way of a new one.
    if (id !== undefined) this.#scheduled = this.#scheduled.filter(each => each.id !== id)
    this.#scheduled.push(scheduled)
    this.#findNext(type)
    return () => {
      // Its name may be another one's by now.
      if (!this.#scheduled.includes(scheduled)) return
      scheduled.due = NEVER
      // One that stays cancelled is kept: a restart must find that it was.
      if (id === undefined || !staysCancelled) {
        this.#scheduled = this.#scheduled.filter(each => each !== scheduled)
        if (id !== undefined) this.#forgotten.add(`punctuation/${id}`)
      }
      this.#findNext(type)
    }
  }

  isScheduled(id: string): boolean {
    return this.#scheduled.some(each => each.id === id && each.due !== NEVER)
  }

  /**
   * Runs the punctuations of this clock that are due, each once, the one that was due first, first; then each is due at the
   * next multiple of its interval that is later than the clock. Answers with how many ran.
   */
  punctuate(type: PunctuationType, time: number): number {
    this.#current = undefined
    let count = 0
    while (time >= this.#nextOf(type)) {
      const next = this.#nextOf(type)
      const scheduled = this.#scheduled.find(each => each.type === type && each.due === next)
      if (scheduled === undefined) throw new Error(`no punctuation is due at ${next}`)
      scheduled.callback(time)
      const { due, interval } = scheduled
      if (due !== NEVER) scheduled.due = time - ((time - due) % interval) + interval
      this.#findNext(type)
      count++
    }
    return count
  }

  /** Whether there is something that was not taken as a change. */
  get changed(): boolean {
    for (const [id, text] of this.#entries()) if (this.#written.get(id) !== text) return true
    return false
  }

  takeChanges(): StoreChange[] {
    const changes: StoreChange[] = []
    for (const [id, text] of this.#entries()) {
      if (this.#written.get(id) === text) continue
      this.#written.set(id, text)
      changes.push({ key: Buffer.from(id, 'utf8'), value: Buffer.from(text, 'utf8') })
    }
    for (const id of this.#forgotten) {
      if (this.#written.delete(id)) changes.push({ key: Buffer.from(id, 'utf8'), value: null })
    }
    this.#forgotten.clear()
    return changes
  }

  *#entries(): Generator<[id: string, text: string]> {
    if (this.streamTime >= 0) yield ['streamTime', String(this.streamTime)]
    for (const { tp, partitionTime } of this.#inputs) {
      if (partitionTime >= 0) yield [`partitionTime/${tp.topic}`, String(partitionTime)]
    }
    for (const { id, type, interval, due } of this.#scheduled) {
      const kept: Kept = { type, interval, due: due === NEVER ? null : due }
      if (id !== undefined) yield [`punctuation/${id}`, JSON.stringify(kept)]
    }
  }

  #kept(id: string | undefined): Kept | undefined {
    const text = id === undefined ? undefined : this.#written.get(`punctuation/${id}`)
    return text === undefined ? undefined : JSON.parse(text)
  }

  /** Written out because it is asked for with every record, and a property by a variable's name is looked up. */
  #nextOf(type: PunctuationType): number {
    return type === 'streamTime' ? this.#next.streamTime : this.#next.wallClock
  }

  #findNext(type: PunctuationType): void {
    this.#next[type] = Math.min(
      NEVER,
      ...this.#scheduled.filter(each => each.type === type).map(each => each.due),
    )
  }
}

function firstDue(type: PunctuationType, interval: number, start: number | undefined, time: number): number {
  if (start === undefined) return type === 'streamTime' ? 0 : time + interval
  return start >= time ? start : time - ((time - start) % interval) + interval
}
