import type { Page } from '../panels.ts'
import { panel, query, rate, same } from '../queries.ts'

export const sinks: Page = {
  uid: 'sinks',
  title: 'Sinks',
  about: 'Predictions into SQL, readings into the archive, annotations into the feature store.',
  rows: [
    {
      title: 'All',
      panels: [
        panel('Rows', 'ops', 'Written.', query('{{sink}}', rate('tickerwatch_sink_rows_total', 'sink'))),
        panel(
          'Waiting',
          'short',
          'Records not written yet. It must come back to little.',
          query('{{sink}}', 'sum by (sink) (tickerwatch_sink_waiting{job="$job"})'),
        ),
        panel(
          'Paused',
          'short',
          'Nodes that cannot write at present; /api/status says why.',
          query('{{sink}}', 'sum by (sink) (tickerwatch_sink_paused{job="$job"})'),
        ),
      ],
    },
    {
      title: 'Each',
      panels: [
        panel(
          'Delay',
          's',
          'For how long the oldest record known to wait has waited.',
          query('{{sink}}', same('tickerwatch_sink_delay_seconds', 'sink')),
        ),
        panel(
          'Waiting for SQL, by partition',
          'short',
          'Predictions, by the position that SQL has.',
          query('{{partition}}', same('tickerwatch_sink_partition_waiting', 'partition')),
        ),
        panel(
          'Predictions without a row',
          'ops',
          'What SQL can never take, put into the dead-letter topic.',
          query('dead letters', rate('tickerwatch_sink_dead_letters_total', 'job')),
        ),
        panel(
          'Files of the archive',
          'ops',
          'A file holds many thousand readings.',
          query('{{sink}}', rate('tickerwatch_sink_files_total', 'sink')),
        ),
      ],
    },
  ],
}
