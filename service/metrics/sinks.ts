/** Where the application's data leave the log: SQL, the archive of readings, the feature store. */
import type { Measure, View } from './measure.ts'

interface Sink {
  readonly rows: number
  /** Records that wait for it. */
  readonly waiting: number
  readonly paused: boolean
}

function sinks({ status }: View): Readonly<Record<string, Sink>> {
  const { sink, featureStore, archive } = status
  return {
    sql: { rows: sink.rows, waiting: sink.lag, paused: sink.paused !== undefined },
    'feature-store': {
      rows: featureStore.rows,
      waiting: featureStore.waiting,
      paused: featureStore.paused !== undefined,
    },
    ...(archive !== undefined && {
      archive: { rows: archive.rows, waiting: archive.lag, paused: archive.paused !== undefined },
    }),
  }
}

const bySink = (view: View, of: (sink: Sink) => number) =>
  Object.entries(sinks(view)).map(([sink, each]) => ({ labels: { sink }, value: of(each) }))

export const sinkMeasures: readonly Measure[] = [
  {
    type: 'counter',
    name: 'tickerwatch_sink_rows_total',
    help: 'Rows written by this node: predictions to SQL, readings to the archive, annotations to the feature store.',
    labels: ['sink'],
    values: view => bySink(view, ({ rows }) => rows),
  },
  {
    type: 'gauge',
    name: 'tickerwatch_sink_waiting',
    help: 'Records that wait to be written; of the archive, only those of full files.',
    labels: ['sink'],
    values: view => bySink(view, ({ waiting }) => waiting),
  },
  {
    type: 'gauge',
    name: 'tickerwatch_sink_paused',
    help: '1 while nothing can be written: /api/status says why.',
    labels: ['sink'],
    values: view => bySink(view, ({ paused }) => (paused ? 1 : 0)),
  },
  {
    type: 'gauge',
    name: 'tickerwatch_sink_delay_seconds',
    help: 'For how long the oldest prediction known to wait for SQL has waited.',
    labels: ['sink'],
    values: ({ sink }) => [{ labels: { sink: 'sql' }, value: sink.delay / 1000 }],
  },
  {
    type: 'gauge',
    name: 'tickerwatch_sink_partition_waiting',
    help: 'Predictions that wait to be written to SQL, by partition of this node; none until SQL said where it stands.',
    labels: ['partition'],
    values: ({ sink }) =>
      sink.partitions.flatMap(({ partition, lag }) =>
        lag === undefined ? [] : { labels: { partition }, value: lag },
      ),
  },
  {
    type: 'counter',
    name: 'tickerwatch_sink_dead_letters_total',
    help: 'Predictions that can have no row in SQL, put into the dead-letter topic.',
    values: ({ sink }) => [{ value: sink.deadLettered }],
  },
  {
    type: 'counter',
    name: 'tickerwatch_sink_files_total',
    help: 'Files written to the archive.',
    labels: ['sink'],
    values: ({ status: { archive } }) =>
      archive === undefined ? [] : [{ labels: { sink: 'archive' }, value: archive.files }],
  },
]
