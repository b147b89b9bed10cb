/** When each input partition was last moved by a committed transaction: how long a fault keeps it from that. */
interface Commit {
  readonly partition: string
  readonly at: number
}

export class CommitWatch {
  readonly #partitions: readonly string[]
  readonly #commits: Commit[] = []
  #wake: () => void = () => {}

  /** @param partitions `topic/partition` of all that must be committed */
  constructor(partitions: readonly string[]) {
    this.#partitions = partitions
  }

  /** @param at milliseconds since the epoch */
  committed(partitions: readonly string[], at: number): void {
    for (const partition of partitions) this.#commits.push({ partition, at })
    this.#wake()
  }

  /**
   * Milliseconds from `since` until each partition was committed after it.
   * @throws Error when one was not within `patience` milliseconds, with its name
   */
  async recovered(since: number, patience: number): Promise<number> {
    for (;;) {
      const first = this.#partitions.map(partition => this.#firstAfter(since, partition))
      const waiting = this.#partitions.filter((_, index) => first[index] === undefined)
      if (waiting.length === 0) return Math.max(...first.map(at => at! - since))
      const left = since + patience - Date.now()
      if (left <= 0) throw new Error(`no commit of ${waiting.join(', ')} for ${patience / 1000} s`)
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** Milliseconds: the longest that any partition went without a commit between two times. */
  longestStall(from: number, to: number): number {
    const stalls = this.#partitions.map(partition => {
      const times = this.#commits.filter(each => each.partition === partition).map(each => each.at)
      const before = times.findLast(at => at <= from) ?? from
      const marks = [before, ...times.filter(at => at > from && at < to), to]
      return Math.max(...marks.slice(1).map((mark, index) => mark - marks[index]!))
    })
    return Math.max(...stalls)
  }

  /** When the last commit was, in milliseconds since the epoch. */
  get last(): number {
    return this.#commits.at(-1)?.at ?? 0
  }

  #firstAfter(since: number, partition: string): number | undefined {
    // From the end: few are newer than a fault.
    let first: number | undefined
    for (let index = this.#commits.length - 1; index >= 0; index--) {
      const each = this.#commits[index]!
      // Processes report in their own order; none is a second behind.
      if (each.at < since - 1_000) break
      if (each.partition === partition && each.at > since) first = Math.min(first ?? each.at, each.at)
    }
    return first
  }
}
