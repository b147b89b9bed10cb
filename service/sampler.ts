/**
 * Looks at the node at a steady pace, however many look at the console: makes rates of totals, and remembers the last
 * two minutes for the chart.
 */
import type { Timers } from '../topology/index.ts'
import type { ServiceStatus, StatusSource, TopologyEdge, TopologyStatus } from './status.ts'

/** Milliseconds between two looks: a prediction is on the page within a second of its arrival. */
const interval = 500
/** Looks over which a rate is taken: three seconds. */
const rateSpan = 6
/** Looks kept for the chart: two minutes. */
const historyLength = 240

/** What the page gets. A rate is per second, and absent while there is nothing to compare with. */
export interface Snapshot extends Omit<ServiceStatus, 'topology'> {
  readonly at: number
  readonly memoryBytes: number
  readonly readingsPerSecond?: number
  readonly predictionsPerSecond?: number
  readonly topology: Omit<TopologyStatus, 'edges'> & {
    readonly edges: readonly (TopologyEdge & { readonly perSecond?: number })[]
  }
  readonly history: readonly HistoryPoint[]
}

export interface HistoryPoint {
  readonly at: number
  readonly readingsPerSecond: number
  /** Of all groups and partitions. */
  readonly lag: number
}

export interface SamplerOptions {
  readonly source: StatusSource
  readonly timers: Timers
  readonly memoryBytes: () => number
  /** A source that throws is looked at again; the last snapshot stays. */
  readonly onError: (error: unknown) => void
}

interface Look {
  readonly at: number
  readonly totals: ReadonlyMap<string, number>
}

export class Sampler {
  readonly #options: SamplerOptions
  readonly #listeners = new Set<(snapshot: Snapshot) => void>()
  #looks: Look[] = []
  #history: HistoryPoint[] = []
  #cancel: () => void = () => {}

  constructor(options: SamplerOptions) {
    this.#options = options
    this.#next()
  }

  /** The node as it is now. */
  snapshot(): Snapshot {
    const { source, timers, memoryBytes } = this.#options
    const status = source.status()
    const at = timers.now()
    const totals = totalsOf(status)
    const rate = this.#rates({ at, totals })
    return {
      ...status,
      at,
      memoryBytes: memoryBytes(),
      readingsPerSecond: rate('readings'),
      predictionsPerSecond: rate('predictions'),
      topology: {
        ...status.topology,
        edges: status.topology.edges.map(edge => ({ ...edge, perSecond: rate(edgeId(edge)) })),
      },
      history: this.#history,
    }
  }

  /** Called with each new snapshot; the answer ends that. */
  subscribe(listener: (snapshot: Snapshot) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#cancel()
    this.#listeners.clear()
  }

  #next(): void {
    this.#cancel = this.#options.timers.after(interval, () => {
      try {
        this.#look()
      } catch (error) {
        this.#options.onError(error)
      }
      this.#next()
    })
  }

  #look(): void {
    const snapshot = this.snapshot()
    const lag = snapshot.lag.reduce((sum, partition) => sum + Math.max(0, partition.lag), 0)
    if (snapshot.readingsPerSecond !== undefined) {
      const point = { at: snapshot.at, readingsPerSecond: snapshot.readingsPerSecond, lag }
      this.#history = [...this.#history.slice(1 - historyLength), point]
    }
    this.#looks = [...this.#looks.slice(1 - rateSpan), { at: snapshot.at, totals: totalsOf(snapshot) }]
    for (const listener of this.#listeners) listener(snapshot)
  }

  /** A total that fell began anew, because its task moved here or away: its rate is that of what it has since. */
  #rates(now: Look): (id: string) => number | undefined {
    const then = this.#looks[0]
    return id => {
      if (then === undefined || now.at <= then.at) return undefined
      const before = then.totals.get(id) ?? 0
      const total = now.totals.get(id) ?? 0
      return ((total >= before ? total - before : total) * 1000) / (now.at - then.at)
    }
  }
}

function totalsOf(status: ServiceStatus): Map<string, number> {
  const totals = new Map(status.topology.edges.map(edge => [edgeId(edge), edge.total]))
  totals.set('readings', status.readings)
  totals.set(
    'predictions',
    Object.values(status.predictions).reduce((sum, count) => sum + count, 0),
  )
  return totals
}

function edgeId({ from, output, to }: TopologyEdge): string {
  return `edge ${from} ${output} ${to}`
}
