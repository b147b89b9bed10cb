import type { Page } from '../panels.ts'
import { panel, quantile, query, rate } from '../queries.ts'

export const throughput: Page = {
  uid: 'throughput',
  title: 'Throughput',
  about: 'What passes through the topology, by node, task and operator.',
  rows: [
    {
      title: 'Records',
      panels: [
        panel(
          'Records, by node',
          'ops',
          'Taken from the input.',
          query('{{instance}}', rate('kafka_streams_task_process_total', 'instance')),
        ),
        panel(
          'Records, by task',
          'ops',
          'Much more in one: keys are divided unevenly.',
          query('{{task_id}}', rate('kafka_streams_task_process_total', 'task_id')),
        ),
        panel(
          'Through the topology',
          'ops',
          'What each operator is given; sink-ticker-watch-late has readings that came after their windows had closed.',
          query(
            '{{processor_node_id}}',
            rate('kafka_streams_processor_node_process_total', 'processor_node_id'),
          ),
        ),
        panel(
          'Windows and predictions',
          'ops',
          'Each window closed has one prediction.',
          query('windows', rate('tickerwatch_task_windows_closed_total', 'job')),
          query(
            'predictions by {{version}}',
            'max by (version) (rate(tickerwatch_predictions_total{job="$job"}[$__rate_interval]))',
          ),
        ),
        panel(
          'Left out',
          'ops',
          'Late, dead-lettered, or dropped as the failure policy says.',
          query(
            'late',
            rate(
              'kafka_streams_processor_node_process_total',
              'job',
              ',processor_node_id="sink-ticker-watch-late"',
            ),
          ),
          query('dead letters', rate('tickerwatch_task_dead_letters_total', 'job')),
          query('dropped', rate('kafka_streams_task_dropped_records_total', 'job')),
          query('malformed', rate('tickerwatch_ingested_malformed_total', 'job')),
        ),
        panel(
          'Ingested',
          'ops',
          'Written into the input topic by nodes with a source of their own.',
          query('{{instance}}', rate('tickerwatch_ingested_readings_total', 'instance')),
        ),
      ],
    },
    {
      title: 'Commits',
      panels: [
        panel(
          'Commits',
          'ops',
          'Of tasks, and those that failed: then the task begins anew from its last commit.',
          query('{{thread_id}}', rate('kafka_streams_thread_commit_total', 'thread_id')),
          query('failed {{thread_id}}', rate('tickerwatch_thread_commit_failed_total', 'thread_id')),
        ),
        panel(
          'How long commits take',
          's',
          'A transaction of the log. Above a second: look at the brokers.',
          query('half of them', quantile(0.5, 'kafka_streams_thread_commit_latency_seconds')),
          query('99 of 100', quantile(0.99, 'kafka_streams_thread_commit_latency_seconds')),
        ),
        panel(
          'Time in the topology',
          'percentunit',
          'Share of a thread’s time spent on records; the rest it waits, or something else runs.',
          query('{{thread_id}}', rate('kafka_streams_thread_process_seconds_total', 'thread_id')),
        ),
        panel(
          'Time in polls',
          'percentunit',
          'Share of a thread’s time spent in waiting for records.',
          query('{{thread_id}}', rate('kafka_streams_thread_poll_seconds_total', 'thread_id')),
        ),
      ],
    },
  ],
}
