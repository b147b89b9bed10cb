/**
 * What a benchmark is: a name, sizes that can be chosen, and figures, each beside its *limit*: what the hardware, or the client
 * alone, does of the same work in the same run. Only the ratio of the two says much on another machine.
 *
 * A benchmark checks what it has computed, and throws when it is wrong: how fast wrong results come is of no interest.
 */

/** How large it is, by option: the default, and what it counts. */
export type Sizes = Readonly<Record<string, { readonly of: number; readonly what: string }>>

export interface Figure {
  readonly what: string
  /** `records/s`, `CPU-s/M` (CPU-seconds per million), `ms`, … */
  readonly unit: string
  readonly value: number
  /** In the same unit. */
  readonly limit?: { readonly what: string; readonly value: number } | undefined
}

export interface Benchmark {
  readonly name: string
  /** One line. */
  readonly summary: string
  readonly sizes: Sizes
  /**
   * @param size answers with the size chosen
   * @param signal aborted when it is to stop
   * @throws what makes its figures worthless
   */
  run(size: (name: string) => number, signal: AbortSignal): Promise<readonly Figure[]>
}

/** Holds `run` to the sizes that are there. */
export function benchmark<S extends Sizes>(definition: {
  readonly name: string
  readonly summary: string
  readonly sizes: S
  run(size: (name: keyof S & string) => number, signal: AbortSignal): Promise<readonly Figure[]>
}): Benchmark {
  return { ...definition, run: (size, signal) => definition.run(size, signal) }
}

/** Value by limit, three digits: what the figure is worth. */
export function ratioOf({ value, limit }: Figure): number | undefined {
  return limit && Number((value / limit.value).toPrecision(3))
}

export function print(name: string, figures: readonly Figure[], json: boolean): void {
  const width = Math.max(...figures.map(({ what }) => what.length))
  for (const figure of figures) {
    const { what, value, unit, limit } = figure
    const beside = limit === undefined ? '' : `${ratioOf(figure)} × ${limit.what} (${shown(limit.value)})`
    console.log(`${what.padEnd(width)}  ${shown(value).padStart(12)} ${unit.padEnd(10)} ${beside}`.trimEnd())
  }
  if (json) {
    const withRatios = figures.map(figure => ({ ...figure, ratio: ratioOf(figure) }))
    console.log(JSON.stringify({ benchmark: name, figures: withRatios }))
  }
}

function shown(value: number): string {
  return Number(value.toPrecision(4)).toLocaleString('en', { maximumFractionDigits: 3 })
}

/** Time that passed, and this process's time on processors, in seconds. */
export interface Spent {
  readonly seconds: number
  readonly cpu: number
}

export async function spent(work: () => unknown): Promise<Spent> {
  const [since, before] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(before)
  return { seconds: (performance.now() - since) / 1000, cpu: (user + system) / 1e6 }
}

/** Several ways to do a number of things, each a function that does them all. */
export interface Contest {
  /** How many, and what they are: `records`. */
  readonly count: number
  readonly of: string
  readonly rounds: number
  /** The first is the limit of the others. */
  readonly ways: Readonly<Record<string, () => unknown>>
}

/**
 * Each way in turn, round after round, so that a busy spell of the machine hits all. The round with the least processor time
 * counts, since whatever disturbs only adds to it.
 */
export async function contest({ count, of, rounds, ways }: Contest): Promise<Figure[]> {
  const best = new Map<string, Spent>()
  for (let round = 0; round < rounds; round++) {
    for (const [name, way] of Object.entries(ways)) {
      const took = await spent(way)
      const least = best.get(name)
      if (least === undefined || took.cpu < least.cpu) best.set(name, took)
    }
  }
  const [[limit, limitSpent] = raise('a contest has a limit'), ...others] = best
  const figure = (what: string, unit: string, worth: (of: Spent) => number, own: Spent): Figure => ({
    ...{ what, unit, value: worth(own) },
    limit: own === limitSpent ? undefined : { what: limit, value: worth(limitSpent) },
  })
  return [[limit, limitSpent] as const, ...others].flatMap(([name, own]) => [
    figure(name, `${of}/s`, ({ seconds }) => count / seconds, own),
    figure(name, 'CPU-s/M', ({ cpu }) => (cpu * 1e6) / count, own),
  ])
}

function raise(message: string): never {
  throw new Error(message)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** @throws with the two, when they differ */
export function expectEqual(what: string, found: unknown, expected: unknown): void {
  if (!Object.is(found, expected)) throw new Error(`${what}: ${found} instead of ${expected}`)
}
