/** A release in shadow beside the one that served: how often they agree, and who is right where people have said. */
import { Annotation, type AvroSerdes, ShadowPrediction } from '../../schemas/index.ts'
import type { Log } from '../../topology/index.ts'
import { windowId } from '../annotation/latest-annotations.ts'
import { topicValues } from '../topic-values.ts'
import { topics } from '../topics.ts'

/** A window that was scored twice, after a failure, comes again within so many of its partition. */
const REPEATED_WITHIN = 10_000
/** Pairs of labels that are told. */
const PAIRS = 20

/** Right answers on windows that people have labelled. */
export interface AnnotatedScore {
  readonly windows: number
  readonly shadowRight: number
  readonly servingRight: number
}

export interface ShadowComparison {
  readonly name: string
  readonly version: string
  /** Scored by both. */
  readonly windows: number
  /** Labelled alike. */
  readonly agreed: number
  /** Windows of each pair of labels that differ; the most frequent first. */
  readonly disagreements: readonly {
    readonly serving: string
    readonly shadow: string
    readonly windows: number
  }[]
  /** On all windows that people labelled: those they were asked about, so the difficult ones for the most part. */
  readonly annotated: AnnotatedScore
  /** On those drawn at random: without bias. */
  readonly randomArm: AnnotatedScore
}

export interface ShadowComparisonOptions {
  readonly log: Log
  readonly avro: AvroSerdes
  /** Unique among those who read. */
  readonly clientId: string
  /** The release in shadow, now or before. */
  readonly release: { readonly name: string; readonly version: string }
}

/** Reads both topics to their end. @throws TickerError LOG_…, SchemaError */
export async function compareShadow(options: ShadowComparisonOptions): Promise<ShadowComparison> {
  const { log, avro, clientId, release } = options
  const labels = await annotatedLabels(options)
  const value = avro.value(topics.shadowPredictions, ShadowPrediction)
  const pairs = new Map<string, { serving: string; shadow: string; windows: number }>()
  const annotated = { windows: 0, shadowRight: 0, servingRight: 0 }
  const randomArm = { ...annotated }
  let [windows, agreed] = [0, 0]
  for (const { partition } of await log.admin.offsets(topics.shadowPredictions)) {
    const seen = new Set<string>()
    const place = { log, topic: topics.shadowPredictions, partition, value, clientId }
    for await (const prediction of topicValues(place)) {
      const { modelName, modelVersion, label: shadow, servingLabel: serving } = prediction
      if (modelName !== release.name || modelVersion !== release.version) continue
      const id = windowId(prediction)
      if (seen.has(id)) continue
      remember(seen, id)
      windows++
      if (shadow === serving) agreed++
      else {
        const pair = pairs.get(`${serving}\n${shadow}`) ?? { serving, shadow, windows: 0 }
        pair.windows++
        pairs.set(`${serving}\n${shadow}`, pair)
      }
      const said = labels.get(id)
      if (said?.label == null) continue
      for (const score of said.arm === 'random' ? [annotated, randomArm] : [annotated]) {
        score.windows++
        if (shadow === said.label) score.shadowRight++
        if (serving === said.label) score.servingRight++
      }
    }
  }
  const disagreements = [...pairs.values()].sort((a, b) => b.windows - a.windows).slice(0, PAIRS)
  return { ...release, windows, agreed, disagreements, annotated, randomArm }
}

/** What people said last of each window. */
async function annotatedLabels({ log, avro, clientId }: ShadowComparisonOptions) {
  const value = avro.value(topics.annotations, Annotation)
  const latest = new Map<string, Pick<Annotation, 'label' | 'arm' | 'annotatedAt'>>()
  for (const { partition } of await log.admin.offsets(topics.annotations)) {
    const place = { log, topic: topics.annotations, partition, value, clientId }
    for await (const annotation of topicValues(place)) {
      const id = windowId(annotation)
      const { label, arm, annotatedAt } = annotation
      if ((latest.get(id)?.annotatedAt ?? 0) <= annotatedAt) latest.set(id, { label, arm, annotatedAt })
    }
  }
  return latest
}

function remember(seen: Set<string>, id: string): void {
  seen.add(id)
  if (seen.size <= REPEATED_WITHIN) return
  const [oldest] = seen
  if (oldest !== undefined) seen.delete(oldest)
}
