/** What a run did, for `--report` and for the last lines on the screen. */
import type { ActivityStatus } from '../../processors/activity-job.ts'

export interface Report {
  readonly readings: number
  /** Closed, and handed to the classifier. Those still open at the end are not counted. */
  readonly windows: number
  readonly predictions: number
  readonly annotationRequests: number
  /** Readings that came too late for at least one of their windows. */
  readonly late: number
  readonly deadLettered: number
  readonly sqlRows: number
  readonly predictionsByModelVersion: Readonly<Record<string, number>>
  /** Releases that took over during the run; `at` is ISO 8601. */
  readonly swaps: readonly { readonly version: string; readonly at: string }[]
  readonly readingsPerSecond: number
  readonly finalLag: number
  /** Of all predictions, whatever their order: equal for runs that predicted the same. */
  readonly predictionsDigest: string
  /** For which readings were taken. */
  readonly seconds: number
}

export function reportOf(status: ActivityStatus, seconds: number): Report {
  const { ingest, node, predictions, sink, switches, lag } = status
  return {
    readings: ingest.readings,
    windows: node.windowsClosed,
    predictions: predictions.predictions,
    annotationRequests: passed(status, 'annotation-request', 'out'),
    late: passed(status, 'motion', 'late'),
    deadLettered: ingest.malformed + node.deadLettered + sink.deadLettered,
    sqlRows: sink.rows,
    predictionsByModelVersion: predictions.byVersion,
    swaps: switches.map(({ version, at }) => ({ version, at: new Date(at).toISOString() })),
    readingsPerSecond: Math.round((ingest.readings / seconds) * 10) / 10,
    finalLag: lag.reduce((sum, each) => sum + each.lag, 0),
    predictionsDigest: predictions.digest,
    seconds: Math.round(seconds * 10) / 10,
  }
}

/** Records that passed an output of a node of the topology. */
export function passed({ node }: ActivityStatus, name: string, output: string): number {
  return node.outputs.find(each => each.node === name && each.output === output)?.count ?? 0
}

export function summary(report: Report): string {
  const versions = Object.entries(report.predictionsByModelVersion).map(
    ([version, n]) => `${n} by ${version}`,
  )
  const swaps = report.swaps.map(({ version, at }) => `${version} at ${at}`)
  const rows: [string, string][] = [
    ['readings', `${report.readings} (${report.readingsPerSecond}/s)`],
    ['windows closed', String(report.windows)],
    ['predictions', [report.predictions, ...versions].join(', ')],
    ['annotation requests', String(report.annotationRequests)],
    ['late readings', String(report.late)],
    ['dead letters', String(report.deadLettered)],
    ['SQL rows', String(report.sqlRows)],
    ['model swaps', swaps.join(', ') || 'none'],
    ['lag at the end', String(report.finalLag)],
  ]
  return rows.map(([name, value]) => `  ${name.padEnd(20)}${value}`).join('\n')
}
