/** Metrics as data: what each is called, and where its values are found when somebody asks. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Distribution } from '../../topology/index.ts'
import type { Measures, ServiceStatus } from '../status.ts'

/** What a node tells at one moment; all values of a scrape are of the same one. */
export interface View extends Measures {
  readonly status: ServiceStatus
  /** Why the node should be restarted, and why it cannot do its work. */
  readonly stalled: string | undefined
  readonly unready: string | undefined
}

export type Labels = Readonly<Record<string, string | number>>

interface Named<Value> {
  readonly name: string
  readonly help: string
  readonly labels?: readonly string[]
  /** Only those that there are: what is not known has no value. */
  readonly values: (view: View) => readonly { readonly labels?: Labels; readonly value: Value }[]
}

export type Measure =
  | ({ readonly type: 'counter' | 'gauge' } & Named<number>)
  | ({ readonly type: 'histogram' } & Named<Distribution>)

/** Values are read when scraped, and nothing is counted twice: the counts are the node's. */
export function register(registry: Registry, measure: Measure, view: () => View): void {
  const { name, help } = measure
  const configuration = { name, help, labelNames: [...(measure.labels ?? [])], registers: [registry] }
  switch (measure.type) {
    case 'counter':
      new Counter({
        ...configuration,
        collect() {
          this.reset()
          for (const { labels = {}, value } of measure.values(view())) this.inc(labels, value)
        },
      })
      break
    case 'gauge':
      new Gauge({
        ...configuration,
        collect() {
          this.reset()
          for (const { labels = {}, value } of measure.values(view())) this.set(labels, value)
        },
      })
      break
    case 'histogram':
      new Counted(configuration, () => measure.values(view()))
  }
}

/** A histogram whose values were counted elsewhere. */
class Counted extends Histogram {
  readonly #values: () => readonly { readonly labels?: Labels; readonly value: Distribution }[]
  readonly #about: { readonly name: string; readonly help: string }

  constructor(
    configuration: { name: string; help: string; labelNames: string[]; registers: Registry[] },
    values: () => readonly { readonly labels?: Labels; readonly value: Distribution }[],
  ) {
    super(configuration)
    this.#about = configuration
    this.#values = values
  }

  /** What the registry asks; it is not in prom-client's types. */
  async getForPromString() {
    const { name, help } = this.#about
    const values = this.#values().flatMap(({ labels = {}, value }) => series(name, labels, value))
    return { name, help, type: 'histogram', aggregator: 'sum', values }
  }
}

function series(name: string, labels: Labels, { bounds, counts, sum }: Distribution) {
  let count = 0
  const buckets = counts.map((each, i) => {
    count += each
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bounds[i] ?? '+Inf' }, value: count }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
