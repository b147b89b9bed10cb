/**
 * Readings without end, and what must come out of them: ten seconds of the generated input again and again, each time as much
 * later. So windows come again too, and a few are enough to know all.
 */
import { type InputRecord, inputRecords } from '../watch/input.ts'
import { type Emitted, recompute } from '../watch/recomputation.ts'

/** Milliseconds of event time, a multiple of the windows' advance. */
export const CYCLE = 10_000
/** Of one device in a cycle. */
export const PER_DEVICE = 500
/** Records that are sent at once. A cycle is a whole number of slices, whatever the number of devices. */
export const SLICE = 500

const [SIZE, ADVANCE, GRACE] = [5000, 2500, 1000]
/** As the oracle's decimals say. */
const TOLERANCE = 1e-5

/** What came out. */
export interface Found {
  readonly windows: number
  readonly missing: number
  readonly doubled: number
  /** Of no window that is closed, or with another count, label, confidence or topic. */
  readonly wrong: number
}

interface Device {
  readonly partition: number
  /** Start of its first window. */
  readonly first: number
  /** How often each of its windows came. */
  seen: Uint8Array
}

export class EndlessWindows {
  readonly #cycle: readonly InputRecord[]
  /** Of the first two cycles: all windows that begin with the first reading, and one of each kind that comes again. */
  readonly #expected: ReadonlyMap<string, Emitted>
  readonly #devices: ReadonlyMap<string, Device>
  /** From where on windows come again. */
  readonly #steady: number
  #doubled = 0
  #wrong = 0

  private constructor(cycle: readonly InputRecord[], expected: ReadonlyMap<string, Emitted>) {
    this.#cycle = cycle
    this.#expected = expected
    this.#steady = Math.ceil(cycle[0]!.timestamp / ADVANCE) * ADVANCE + CYCLE
    const devices = new Map<string, Device>()
    for (const { key, partition, timestamp } of cycle) {
      const name = String(key)
      const first = (Math.floor((timestamp - SIZE) / ADVANCE) + 1) * ADVANCE
      const before = devices.get(name)
      if (before !== undefined && before.first <= first) continue
      devices.set(name, { partition, first, seen: new Uint8Array(1024) })
    }
    this.#devices = devices
  }

  /** @param path a cycle of the generated input */
  static async of(path: string, files: Parameters<typeof recompute>[1]): Promise<EndlessWindows> {
    const cycle = [...inputRecords(path)]
    const three = [0, CYCLE, 2 * CYCLE].flatMap(later =>
      cycle.map(record => ({ ...record, timestamp: record.timestamp + later })),
    )
    return new EndlessWindows(cycle, await recompute(three, files))
  }

  /** Takes what came out. */
  take(device: string, start: number, emitted: Emitted): void {
    const known = this.#devices.get(device)
    const expected = this.#expected.get(`${device} ${this.#alike(start)}`)
    const index = known === undefined ? -1 : (start - known.first) / ADVANCE
    if (known === undefined || expected === undefined || index < 0) {
      this.#wrong++
      return
    }
    if (index >= known.seen.length) {
      const longer = new Uint8Array(2 * index)
      longer.set(known.seen)
      known.seen = longer
    }
    if (known.seen[index]! > 0) this.#doubled++
    known.seen[index] = 1
    const { topic, count, label, confidence } = expected
    const right = topic === emitted.topic && count === emitted.count && label === emitted.label
    if (!right || Math.abs(confidence - emitted.confidence) > TOLERANCE) this.#wrong++
  }

  /** What came out, beside what must have when so many slices were sent and worked off. */
  found(slices: number): Found {
    const streamTimes = this.#streamTimes(slices)
    let [windows, missing, early] = [0, 0, 0]
    for (const { partition, first, seen } of this.#devices.values()) {
      const last = Math.floor((streamTimes.get(partition)! - SIZE - GRACE) / ADVANCE) * ADVANCE
      const closed = Math.max(0, (last - first) / ADVANCE + 1)
      const came = seen.subarray(0, closed).reduce((sum, each) => sum + each, 0)
      windows += closed
      missing += closed - came
      early += seen.subarray(closed).reduce((sum, each) => sum + each, 0)
    }
    return { windows, missing, doubled: this.#doubled, wrong: this.#wrong + early }
  }

  /** The start of the window that has the same readings, but for their time. */
  #alike(start: number): number {
    return start < this.#steady ? start : this.#steady + ((start - this.#steady) % CYCLE)
  }

  #streamTimes(slices: number): ReadonlyMap<number, number> {
    const records = slices * SLICE
    const cycles = Math.floor(records / this.#cycle.length)
    const times = new Map<number, number>()
    const walk = (part: readonly InputRecord[], later: number): void => {
      for (const { partition, timestamp } of part) {
        times.set(partition, Math.max(timestamp + later, times.get(partition) ?? 0))
      }
    }
    if (cycles > 0) walk(this.#cycle, (cycles - 1) * CYCLE)
    walk(this.#cycle.slice(0, records % this.#cycle.length), cycles * CYCLE)
    return times
  }
}
