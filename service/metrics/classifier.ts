/**
 * What the classifier does, and how well. Accuracy is measured on windows of the random arm that people labelled, and on no
 * others.
 */
import type { Measure, View } from './measure.ts'

/** Releases by which series are told apart, the newest: there are more of them each week, for ever. */
const VERSIONS = 10
/** Labels of one release. A release with more has its first ones shown. */
const LABELS = 64

export const classifierMeasures: readonly Measure[] = [
  {
    type: 'counter',
    name: 'tickerwatch_ingested_readings_total',
    help: 'Readings that this node wrote into the input topic.',
    values: ({ ingest }) => [{ value: ingest.readings }],
  },
  {
    type: 'counter',
    name: 'tickerwatch_ingested_malformed_total',
    help: 'Rows that are no readings, put into the dead-letter topic instead.',
    values: ({ ingest }) => [{ value: ingest.malformed }],
  },
  {
    type: 'counter',
    name: 'tickerwatch_predictions_total',
    help: 'Predictions of all nodes, by model version.',
    labels: ['version'],
    values: view => ofVersions(view, view.predictions.byVersion),
  },
  {
    type: 'counter',
    name: 'tickerwatch_routed_predictions_total',
    help: 'Predictions of all nodes, by what became of them: sure, unsure, unsureOverBudget, randomArm.',
    labels: ['route'],
    values: ({ predictions }) =>
      Object.entries(predictions.byRoute).map(([route, value]) => ({ labels: { route }, value })),
  },
  {
    type: 'histogram',
    name: 'tickerwatch_prediction_latency_seconds',
    help: 'From the end of a window, in event time, until its prediction could be read.',
    values: ({ predictions }) => [{ value: predictions.age }],
  },
  {
    type: 'histogram',
    name: 'tickerwatch_prediction_confidence',
    help: 'Calibrated probability of the class predicted, by model version.',
    labels: ['version'],
    values: view => ofVersions(view, view.predictions.confidence),
  },
  {
    type: 'gauge',
    name: 'tickerwatch_annotation_waiting',
    help: 'Windows that wait for a person, by arm.',
    labels: ['arm'],
    values: ({ status }) =>
      Object.entries(status.annotation.waiting).map(([arm, value]) => ({ labels: { arm }, value })),
  },
  {
    type: 'gauge',
    name: 'tickerwatch_annotated_windows',
    help: 'Windows that people labelled, by label.',
    labels: ['label'],
    values: ({ status }) =>
      Object.entries(status.annotation.byLabel)
        .slice(0, LABELS)
        .map(([label, value]) => ({ labels: { label }, value })),
  },
  {
    type: 'gauge',
    name: 'tickerwatch_unrecognised_windows',
    help: 'Windows that people could not recognise.',
    values: ({ status }) => [{ value: status.annotation.cannotTell }],
  },
  {
    type: 'gauge',
    name: 'tickerwatch_live_windows',
    help: 'Labelled windows of the random arm, by model version and label.',
    labels: ['version', 'label'],
    values: view =>
      liveClasses(view).map(({ version, label, windows }) => ({
        labels: { version, label },
        value: windows,
      })),
  },
  {
    type: 'gauge',
    name: 'tickerwatch_live_class_accuracy',
    help: 'Share of those that the model predicted as they were labelled.',
    labels: ['version', 'label'],
    values: view =>
      liveClasses(view).map(({ version, label, windows, right }) => ({
        labels: { version, label },
        value: right / windows,
      })),
  },
  {
    type: 'gauge',
    name: 'tickerwatch_live_accuracy',
    help: 'The same of all classes together, by model version.',
    labels: ['version'],
    values: view =>
      newest(view, view.status.annotation.accuracy).map(({ version, windows, right }) => ({
        labels: { version },
        value: right / windows,
      })),
  },
  {
    type: 'gauge',
    name: 'tickerwatch_release_accuracy',
    help: 'Accuracy of a release on people it has not seen, as published with it.',
    labels: ['version'],
    values: view => ofRelease(view, 'accuracy'),
  },
  {
    type: 'gauge',
    name: 'tickerwatch_release_calibration_error',
    help: 'Expected calibration error of a release on people it has not seen, as published with it.',
    labels: ['version'],
    values: view => ofRelease(view, 'calibrationError'),
  },
  {
    type: 'gauge',
    name: 'tickerwatch_model_in_force',
    help: '1 for the release that scores.',
    labels: ['name', 'version'],
    values: ({ status: { models } }) =>
      models.inForce === undefined ? [] : [{ labels: { ...models.inForce }, value: 1 }],
  },
  {
    type: 'counter',
    name: 'tickerwatch_model_switches_total',
    help: 'How often this node saw a release take over.',
    values: ({ status }) => [{ value: status.models.swaps.length }],
  },
  {
    type: 'counter',
    name: 'tickerwatch_releases_refused_total',
    help: 'Releases of models refused.',
    values: ({ status }) => [{ value: status.models.refusals }],
  },
  {
    type: 'counter',
    name: 'tickerwatch_shadow_windows_total',
    help: 'Windows left to the release in shadow, by what became of them.',
    labels: ['version', 'outcome'],
    values: ({ status: { models } }) => {
      if (models.shadowing === undefined) return []
      const { version, scored, dropped, failed } = models.shadowing
      return Object.entries({ scored, dropped, failed }).map(([outcome, value]) => ({
        labels: { version, outcome },
        value,
      }))
    },
  },
  {
    type: 'counter',
    name: 'tickerwatch_shadow_agreed_total',
    help: 'Of those scored, windows labelled as the serving release labelled them.',
    labels: ['version'],
    values: ({ status: { models } }) =>
      models.shadowing === undefined
        ? []
        : [{ labels: { version: models.shadowing.version }, value: models.shadowing.agreed }],
  },
  {
    type: 'gauge',
    name: 'tickerwatch_shadow_backlog',
    help: 'Windows that wait for the release in shadow.',
    values: ({ status: { models } }) => [{ value: models.shadowing?.backlog ?? 0 }],
  },
]

/** Of entries by version, those of the newest releases: what serves, what is in shadow, and what was published last. */
function newest<E extends { readonly version: string }>(
  { status: { models } }: View,
  entries: readonly E[],
): E[] {
  const order = [models.inForce, models.shadow, ...models.known].map(release => release?.version)
  const rank = ({ version }: E): number => {
    const at = order.indexOf(version)
    return at === -1 ? order.length : at
  }
  return [...entries].sort((a, b) => rank(a) - rank(b)).slice(0, VERSIONS)
}

function ofVersions<V>(view: View, values: Readonly<Record<string, V>>) {
  const entries = Object.entries(values).map(([version, value]) => ({ version, value }))
  return newest(view, entries).map(({ version, value }) => ({ labels: { version }, value }))
}

function ofRelease(view: View, metric: string) {
  return newest(view, view.status.models.known).flatMap(({ version, metrics }) => {
    const { [metric]: value } = metrics
    return value === undefined ? [] : { labels: { version }, value }
  })
}

function liveClasses(view: View) {
  return newest(view, view.status.annotation.accuracy).flatMap(({ version, perClass }) =>
    Object.entries(perClass)
      .slice(0, LABELS)
      .map(([label, counts]) => ({ version, label, ...counts })),
  )
}
