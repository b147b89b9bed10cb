/** A node that is not there: its figures move when told, so that the console can be tested without an engine. */

import type { KnownRelease, Measures, ServiceStatus, ShownPrediction, StatusSource } from '../status.ts'
import { noAnnotations } from './no-annotations.ts'
import { noMeasures } from './no-measures.ts'

const labels = ['walking', 'jogging', 'stairs', 'sitting', 'standing', 'typing', 'eating', 'writing']

export interface MovingSource extends StatusSource {
  /** Lets readings pass, with one prediction for each 25 of them. */
  advance(readings: number): void
  /** Puts the second release in force. */
  swap(): void
  change(change: Partial<ServiceStatus>): void
  /** What only the metrics tell. */
  measure(measures: Measures): void
}

const release = (version: string, accuracy: number, publishedAt: number): KnownRelease => ({
  name: 'watch',
  version,
  status: 'promoted',
  trust: 'shipped',
  reason: null,
  publishedAt,
  metrics: { accuracy, macroF1: accuracy - 0.04, calibrationError: 0.041 },
})

/** @param now milliseconds since the epoch */
export function movingSource(now: () => number): MovingSource {
  let windows = 0
  let measures = noMeasures
  let status: ServiceStatus = {
    startedAt: now(),
    guarantee: 'exactly_once',
    log: 'memory',
    readings: 0,
    windowsClosed: 0,
    late: 0,
    deadLettered: 0,
    skipped: 0,
    work: { tasks: ['0_0', '0_1', '0_2', '0_3'], standbys: [], restoring: [] },
    annotationRequests: 0,
    annotation: noAnnotations.status(),
    featureStore: { target: 'file:///features/', rows: 0, waiting: 0 },
    predictions: {},
    lag: [0, 1, 2, 3].map(partition => ({
      group: 'activity',
      topic: 'ticker-watch-data',
      partition,
      lag: 0,
    })),
    sink: { target: 'PGlite in memory', rows: 0, lag: 0 },
    models: {
      inForce: { name: 'watch', version: '1.0.0' },
      known: [release('1.0.0', 0.71, now())],
      events: [],
      refused: [],
      refusals: 0,
      signaturesRequired: false,
      warnings: [],
      swaps: [],
    },
    lastPredictions: [],
    topology: topology(0, 0, 0, 0),
  }

  const predict = (version: string): ShownPrediction => {
    const n = windows++
    const answer = n % labels.length
    const confidence = 0.45 + ((n * 7) % 50) / 100
    const rest = (1 - confidence) / (labels.length - 1)
    return {
      deviceId: `watch-${String(1600 + (n % 6))}`,
      windowStart: 1_583_064_000_000 + n * 2_500,
      windowEnd: 1_583_064_005_000 + n * 2_500,
      samples: 50,
      label: labels[answer] ?? '',
      confidence,
      margin: confidence - rest,
      route: confidence < 0.55 ? 'unsure' : 'sure',
      modelName: 'watch',
      modelVersion: version,
      probabilities: Object.fromEntries(labels.map((label, i) => [label, i === answer ? confidence : rest])),
    }
  }

  const source: MovingSource = {
    status: () => status,
    measures: () => measures,
    measure: given => {
      measures = given
    },
    stalled: () => undefined,
    unready: () => undefined,
    change: change => {
      status = { ...status, ...change }
    },
    advance: readings => {
      const version = status.models.inForce?.version ?? '1.0.0'
      const fresh = Array.from({ length: Math.floor(readings / 25) }, () => predict(version)).reverse()
      const unsure = fresh.filter(prediction => prediction.route === 'unsure').length
      const total = status.readings + readings
      const late = Math.floor(total / 400)
      status = {
        ...status,
        readings: total,
        windowsClosed: windows,
        late,
        annotationRequests: status.annotationRequests + unsure,
        predictions: { ...status.predictions, [version]: (status.predictions[version] ?? 0) + fresh.length },
        lag: status.lag.map(({ partition, ...rest }) => ({
          ...rest,
          partition,
          lag: (total * (partition + 3)) % 17,
        })),
        sink: { ...status.sink, rows: windows, lag: fresh.length },
        lastPredictions: [...fresh, ...status.lastPredictions].slice(0, 50),
        topology: topology(total, windows, status.annotationRequests + unsure, late),
      }
    },
    swap: () => {
      status = {
        ...status,
        models: {
          inForce: { name: 'watch', version: '1.1.0' },
          known: [release('1.1.0', 0.78, now()), { ...release('1.0.0', 0.71, now()), status: 'retired' }],
          events: [{ version: '1.1.0', status: 'promoted', reason: 'better on people not seen', at: now() }],
          signaturesRequired: false,
          warnings: [],
          refusals: 1,
          refused: [
            {
              name: 'watch',
              version: '1.2.0',
              code: 'MODEL_INPUTS',
              reason: 'takes 40 features instead of 46',
              at: now(),
            },
          ],
          swaps: [...status.models.swaps, { version: '1.1.0', at: now() }],
        },
      }
    },
  }
  return source
}

function topology(
  readings: number,
  windows: number,
  unsure: number,
  late: number,
): ServiceStatus['topology'] {
  const edge = (from: string, to: string, total: number, output = 'out') => ({ from, to, output, total })
  return {
    nodes: [
      { name: 'readings', kind: 'source', subTopology: 0, topic: 'ticker-watch-data' },
      { name: 'motion', kind: 'collect', subTopology: 0, store: 'motion' },
      { name: 'features', kind: 'mapWindows', subTopology: 0 },
      { name: 'score', kind: 'mapBatch', subTopology: 0, store: 'release' },
      { name: 'prediction', kind: 'mapValues', subTopology: 0 },
      { name: 'predictions', kind: 'sink', subTopology: 0, topic: 'activity-predictions' },
      { name: 'confidence', kind: 'split', subTopology: 0 },
      { name: 'annotation-request', kind: 'mapValues', subTopology: 0 },
      { name: 'requests', kind: 'sink', subTopology: 0, topic: 'annotation-requests' },
      { name: 'late-readings', kind: 'sink', subTopology: 0, topic: 'ticker-watch-late' },
    ],
    edges: [
      edge('readings', 'motion', readings),
      edge('motion', 'features', windows),
      edge('features', 'score', windows),
      edge('score', 'prediction', windows),
      edge('prediction', 'predictions', windows),
      edge('score', 'confidence', windows),
      edge('confidence', 'annotation-request', unsure, 'unsure'),
      edge('annotation-request', 'requests', unsure),
      edge('motion', 'late-readings', late, 'late'),
    ],
  }
}
