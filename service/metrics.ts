/**
 * `/metrics`: Prometheus' view of the node. Lag is named as the usual exporters name it, what Kafka Streams measures too as
 * that does (KIP-444, KIP-869), in Prometheus' spelling.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { ServiceStatus, StatusSource } from './status.ts'

type Series = readonly { readonly labels?: Record<string, string | number>; readonly value: number }[]

export function metrics(source: StatusSource): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })

  // Read when scraped; nothing is counted twice. The counts are the node's, so a counter is set to them.
  const counter = (
    name: string,
    help: string,
    labelNames: string[],
    series: (status: ServiceStatus) => Series,
  ): void => {
    new Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset()
        for (const { labels = {}, value } of series(source.status())) this.inc(labels, value)
      },
    })
  }
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    series: (status: ServiceStatus) => Series,
  ): void => {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset()
        for (const { labels = {}, value } of series(source.status())) this.set(labels, value)
      },
    })
  }

  counter('tickerwatch_readings_total', 'Readings taken from the input.', [], s => [{ value: s.readings }])
  counter('tickerwatch_windows_closed_total', 'Event-time windows closed.', [], s => [
    { value: s.windowsClosed },
  ])
  counter('tickerwatch_late_readings_total', 'Readings that came after their windows had closed.', [], s => [
    { value: s.late },
  ])
  counter('tickerwatch_dead_letters_total', 'Records put into the dead-letter topic.', [], s => [
    { value: s.deadLettered },
  ])
  counter('tickerwatch_predictions_total', 'Predictions, by model version.', ['version'], s =>
    Object.entries(s.predictions).map(([version, value]) => ({ labels: { version }, value })),
  )
  counter('tickerwatch_annotation_requests_total', 'Windows a person is asked about.', [], s => [
    { value: s.annotationRequests },
  ])
  gauge('tickerwatch_annotation_waiting', 'Windows that wait for a person, by arm.', ['arm'], s =>
    Object.entries(s.annotation.waiting).map(([arm, value]) => ({ labels: { arm }, value })),
  )
  gauge('tickerwatch_annotated_windows', 'Windows that people labelled, by label.', ['label'], s =>
    Object.entries(s.annotation.byLabel).map(([label, value]) => ({ labels: { label }, value })),
  )
  gauge('tickerwatch_unrecognised_windows', 'Windows that people could not recognise.', [], s => [
    { value: s.annotation.cannotTell },
  ])
  gauge(
    'tickerwatch_live_windows',
    'Labelled windows of the random arm, by model version and label.',
    ['version', 'label'],
    s =>
      liveClasses(s).map(({ version, label, windows }) => ({ labels: { version, label }, value: windows })),
  )
  gauge(
    'tickerwatch_live_class_accuracy',
    'Share of those that the model predicted as they were labelled.',
    ['version', 'label'],
    s =>
      liveClasses(s).map(({ version, label, windows, right }) => ({
        labels: { version, label },
        value: right / windows,
      })),
  )
  gauge('tickerwatch_live_accuracy', 'The same of all classes together, by model version.', ['version'], s =>
    s.annotation.accuracy.map(({ version, windows, right }) => ({
      labels: { version },
      value: right / windows,
    })),
  )
  counter('tickerwatch_feature_store_rows_total', 'Annotations written to the feature store.', [], s => [
    { value: s.featureStore.rows },
  ])
  gauge('tickerwatch_feature_store_waiting', 'Annotations that are not written there yet.', [], s => [
    { value: s.featureStore.waiting },
  ])
  counter(
    'tickerwatch_archive_files_total',
    'Files of readings written to the archive.',
    [],
    ({ archive }) => (archive === undefined ? [] : [{ value: archive.files }]),
  )
  counter('tickerwatch_archive_rows_total', 'Readings in those files.', [], ({ archive }) =>
    archive === undefined ? [] : [{ value: archive.rows }],
  )
  gauge('tickerwatch_archive_lag', 'Offsets in full files that wait to be archived.', [], ({ archive }) =>
    archive === undefined ? [] : [{ value: archive.lag }],
  )
  counter('tickerwatch_sql_rows_total', 'Predictions written to SQL.', [], s => [{ value: s.sink.rows }])
  counter('tickerwatch_releases_refused_total', 'Releases of models refused.', [], s => [
    { value: s.models.refusals },
  ])
  counter(
    'tickerwatch_shadow_windows_total',
    'Windows left to the release in shadow, by what became of them.',
    ['version', 'outcome'],
    ({ models: { shadowing } }) => {
      if (shadowing === undefined) return []
      const { version, scored, dropped, failed } = shadowing
      return Object.entries({ scored, dropped, failed }).map(([outcome, value]) => ({
        labels: { version, outcome },
        value,
      }))
    },
  )
  counter(
    'tickerwatch_shadow_agreed_total',
    'Of those scored, windows labelled as the serving release labelled them.',
    ['version'],
    ({ models: { shadowing } }) =>
      shadowing === undefined ? [] : [{ labels: { version: shadowing.version }, value: shadowing.agreed }],
  )
  gauge('tickerwatch_shadow_backlog', 'Windows that wait for the release in shadow.', [], s => [
    { value: s.models.shadowing?.backlog ?? 0 },
  ])
  gauge('tickerwatch_sql_paused', '1 while predictions cannot be written to SQL.', [], s => [
    { value: s.sink.paused === undefined ? 0 : 1 },
  ])
  gauge(
    'tickerwatch_model_in_force',
    '1 for the release that scores.',
    ['name', 'version'],
    ({ models: { inForce } }) => (inForce === undefined ? [] : [{ labels: { ...inForce }, value: 1 }]),
  )
  gauge(
    'kafka_consumergroup_lag',
    'Records that a consumer group has still to read; -1: it never committed.',
    ['consumergroup', 'topic', 'partition'],
    s =>
      s.lag.map(({ group, topic, partition, lag }) => ({
        labels: { consumergroup: group, topic, partition },
        value: lag,
      })),
  )
  counter(
    'kafka_streams_dropped_records_total',
    'Records left out because the failure policy said so.',
    [],
    s => [{ value: s.skipped }],
  )
  gauge('tickerwatch_tasks', 'Tasks that run here.', [], s => [{ value: s.work.tasks.length }])
  gauge(
    'kafka_streams_state_updater_active_restoring_tasks',
    'Tasks that restore their state before they run here.',
    [],
    s => [{ value: new Set(s.work.restoring.map(({ task }) => task)).size }],
  )
  gauge(
    'kafka_streams_state_updater_standby_updating_tasks',
    'Copies kept here of the state of tasks that run elsewhere.',
    [],
    s => [{ value: s.work.standbys.length }],
  )
  gauge(
    'kafka_streams_task_restore_remaining_records_total',
    'Records of the changelog that a store has still to read before its task runs here.',
    ['task_id', 'store'],
    s => s.work.restoring.map(({ task, store, left }) => ({ labels: { task_id: task, store }, value: left })),
  )
  gauge(
    'tickerwatch_standby_lag',
    'Records of the changelogs that a standby still lacks; none while that is not known.',
    ['task_id'],
    s =>
      s.work.standbys.flatMap(({ task, lag }) =>
        lag === undefined ? [] : { labels: { task_id: task }, value: lag },
      ),
  )
  return registry
}

function liveClasses({ annotation }: ServiceStatus) {
  return annotation.accuracy.flatMap(({ version, perClass }) =>
    Object.entries(perClass).map(([label, counts]) => ({ version, label, ...counts })),
  )
}
