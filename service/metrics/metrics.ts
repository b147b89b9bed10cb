/**
 * `/metrics`: Prometheus' view of the node. What Kafka Streams measures too has its name in Prometheus' spelling (KIP-444,
 * KIP-613, KIP-869), lag that of the usual exporters, the rest begins with `tickerwatch_`. README.md lists them.
 */
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { StatusSource } from '../status.ts'
import { classifierMeasures } from './classifier.ts'
import { engineMeasures } from './engine.ts'
import { type Measure, register, type View } from './measure.ts'
import { sinkMeasures } from './sinks.ts'

export interface Exposition {
  readonly contentType: string
  /** The text, as of now. */
  scrape(): Promise<string>
}

/** Gauges that prom-client names as if they were counters; the ones by type stay. */
const misnamed = ['handles', 'requests', 'resources'].map(what => `nodejs_active_${what}_total`)

export const measures: readonly Measure[] = [...engineMeasures, ...classifierMeasures, ...sinkMeasures]

export function exposition(source: StatusSource): Exposition {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of misnamed) registry.removeSingleMetric(name)
  let view = look(source)
  for (const measure of measures) register(registry, measure, () => view)
  return {
    contentType: registry.contentType,
    scrape: () => {
      view = look(source)
      return registry.metrics()
    },
  }
}

function look(source: StatusSource): View {
  const [stalled, unready] = [source.stalled(), source.unready()]
  return { ...source.measures(), status: source.status(), stalled, unready }
}
