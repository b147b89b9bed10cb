/**
 * For how long the oldest record known to wait has been waiting to be written. Records do not say when they came (their
 * timestamps are event time), so the sink remembers when it saw how far each partition went on.
 */

/** Looks remembered per partition, about; closer ones than what so many leave room for are made one. */
const LOOKS = 512

interface Look {
  readonly at: number
  readonly end: number
}

export class SinkDelay {
  /** By partition, the oldest first; only those beyond what is written. */
  readonly #looks = new Map<number, Look[]>()

  /** @param end the offset after the partition's last record, at the time `at` (milliseconds since the epoch) */
  saw(partition: number, end: number, at: number): void {
    const looks = this.#looks.get(partition) ?? []
    const [first, last] = [looks[0], looks.at(-1)]
    if (first === undefined || last === undefined) this.#looks.set(partition, [{ at, end }])
    else if (end > last.end) {
      // Of two made one the earlier time holds, so that the delay is never told too short.
      const isClose = at - last.at < (2 * (at - first.at)) / LOOKS
      if (isClose) looks.splice(-1, 1, { at: last.at, end })
      else looks.push({ at, end })
      if (looks.length > LOOKS) this.#looks.set(partition, thinned(looks))
    }
  }

  /** All records below this offset have their rows. */
  wrote(partition: number, position: number): void {
    const waiting = this.#looks.get(partition)?.filter(({ end }) => end > position)
    if (waiting !== undefined) this.#looks.set(partition, waiting)
  }

  /** Forgets the others. */
  keep(partitions: readonly number[]): void {
    for (const partition of this.#looks.keys())
      if (!partitions.includes(partition)) this.#looks.delete(partition)
  }

  /** Milliseconds; 0 when nothing is known to wait. */
  at(now: number): number {
    const oldest = [...this.#looks.values()].flatMap(looks => looks[0]?.at ?? [])
    return oldest.length === 0 ? 0 : Math.max(0, now - Math.min(...oldest))
  }
}

function thinned(looks: readonly Look[]): Look[] {
  return looks.flatMap(({ at, end }, i) => (i % 2 === 0 ? { at, end: looks[i + 1]?.end ?? end } : []))
}
