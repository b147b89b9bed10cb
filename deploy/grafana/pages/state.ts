import type { Page } from '../panels.ts'
import { panel, quantile, query, rate, same } from '../queries.ts'

export const state: Page = {
  uid: 'state',
  title: 'State and restore',
  about: 'Stores, how they are restored, and the copies that other nodes keep.',
  rows: [
    {
      title: 'Restores',
      panels: [
        panel(
          'Tasks that restore',
          'short',
          'They process nothing until they have their state.',
          query('{{instance}}', 'kafka_streams_state_updater_active_restoring_tasks{job="$job"}'),
        ),
        panel(
          'Records left to restore',
          'short',
          'It must fall to 0.',
          query(
            '{{task_id}} {{store}}',
            same('kafka_streams_task_restore_remaining_records', 'task_id, store'),
          ),
        ),
        panel(
          'Restored',
          'ops',
          'Records read from changelogs by tasks that began.',
          query('{{instance}}', rate('kafka_streams_thread_restore_records_total', 'instance')),
        ),
        panel(
          'From an assignment until all its tasks run',
          's',
          'Restores included: so long some partitions stand still after a rebalance.',
          query('99 of 100', quantile(0.99, 'tickerwatch_thread_assignment_latency_seconds')),
        ),
      ],
    },
    {
      title: 'Stores',
      panels: [
        panel(
          'Changes',
          'ops',
          'Of stores, handed to commits.',
          query('{{store}}', rate('kafka_streams_state_put_total', 'store')),
        ),
        panel(
          'Standbys',
          'short',
          'Copies kept of the state of tasks that run elsewhere (--standby-replicas).',
          query('{{instance}}', 'kafka_streams_state_updater_standby_updating_tasks{job="$job"}'),
        ),
        panel(
          'What standbys lack',
          'short',
          'Records of the changelogs. Who takes the task over reads as many.',
          query('{{instance}} {{task_id}}', 'tickerwatch_standby_lag{job="$job"}'),
        ),
      ],
    },
  ],
}
