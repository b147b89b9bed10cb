import type { Page } from '../panels.ts'
import { panel, quantile, query, rate, same } from '../queries.ts'

export const accuracy: Page = {
  uid: 'accuracy',
  title: 'Accuracy',
  about: 'How well the model does, by windows drawn at random that people labelled, and what it is sure of.',
  rows: [
    {
      title: 'Right and wrong',
      panels: [
        panel(
          'Accuracy',
          'percentunit',
          'Live, and what the release was published with: a tenth below that is worth a look.',
          query('{{version}} live', same('tickerwatch_live_accuracy', 'version')),
          query('{{version}} as published', same('tickerwatch_release_accuracy', 'version')),
        ),
        panel(
          'Accuracy, by class',
          'percentunit',
          'Of all the windows that people gave the label.',
          query('{{version}} {{label}}', same('tickerwatch_live_class_accuracy', 'version, label')),
        ),
        panel(
          'Labelled windows of the random arm',
          'short',
          'On how many the accuracy rests.',
          query(
            '{{version}}',
            'sum by (version) (max by (version, label) (tickerwatch_live_windows{job="$job"}))',
          ),
        ),
        panel(
          'Surer than right',
          'percentunit',
          'Mean probability of what was predicted, less the share that is right; beside it the calibration error as published.',
          query('{{version}} live', 'version:tickerwatch_calibration_gap:mean{job="$job"}'),
          query('{{version}} as published', same('tickerwatch_release_calibration_error', 'version')),
        ),
      ],
    },
    {
      title: 'Sure and unsure',
      panels: [
        panel(
          'Where predictions go',
          'ops',
          'Sure; unsure, and somebody is asked; unsure beyond the budget; drawn at random.',
          query(
            '{{route}}',
            'max by (route) (rate(tickerwatch_routed_predictions_total{job="$job"}[$__rate_interval]))',
          ),
        ),
        panel(
          'Unsure',
          'percentunit',
          'Share of all windows within an hour.',
          query('unsure', 'job:tickerwatch_unsure:ratio_rate1h{job="$job"}'),
        ),
        panel(
          'Confidence',
          'percentunit',
          'Calibrated probability of what is predicted.',
          query('half of them, {{version}}', quantile(0.5, 'tickerwatch_prediction_confidence', ', version')),
          query(
            'one of ten is below, {{version}}',
            quantile(0.1, 'tickerwatch_prediction_confidence', ', version'),
          ),
        ),
        panel(
          'Windows that wait for people',
          'short',
          'By arm: unsure ones, and those drawn at random.',
          query('{{arm}}', same('tickerwatch_annotation_waiting', 'arm')),
        ),
        panel(
          'Labelled by people',
          'short',
          'Windows by label, of both arms, and those that nobody could recognise.',
          query('{{label}}', same('tickerwatch_annotated_windows', 'label')),
          query('not recognised', same('tickerwatch_unrecognised_windows', 'job')),
        ),
      ],
    },
    {
      title: 'Releases',
      panels: [
        panel(
          'In force',
          'short',
          'Nodes by the release that scores there: one release, but for moments.',
          query('{{name}} {{version}}', 'count by (name, version) (tickerwatch_model_in_force{job="$job"})'),
        ),
        panel(
          'Switches and refusals',
          'short',
          'Since a node began.',
          query('switches seen by {{instance}}', 'tickerwatch_model_switches_total{job="$job"}'),
          query('refused by {{instance}}', 'tickerwatch_releases_refused_total{job="$job"}'),
        ),
        panel(
          'Shadow',
          'ops',
          'Windows left to the release in shadow, by what became of them, and those on which it agrees.',
          query('{{version}} {{outcome}}', rate('tickerwatch_shadow_windows_total', 'version, outcome')),
          query('{{version}} agrees', rate('tickerwatch_shadow_agreed_total', 'version')),
        ),
        panel(
          'Windows that wait for the shadow',
          'short',
          'More than 10,000 are left out.',
          query('{{instance}}', 'tickerwatch_shadow_backlog{job="$job"}'),
        ),
      ],
    },
  ],
}
