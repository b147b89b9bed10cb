import type { Page } from '../panels.ts'
import { panel, quantile, query, rate } from '../queries.ts'

export const cluster: Page = {
  uid: 'cluster',
  title: 'Cluster',
  about: 'The nodes of the application as processes and as members of their group.',
  rows: [
    {
      title: 'Nodes',
      panels: [
        panel(
          'Nodes',
          'short',
          'That answer, that can work, and that stand still although records wait.',
          query('up', 'sum(up{job="$job"})'),
          query('ready', 'sum(tickerwatch_node_ready{job="$job"})'),
          query('stalled', 'sum(tickerwatch_node_stalled{job="$job"})'),
        ),
        panel(
          'Tasks',
          'short',
          'By thread; together as many as there are partitions.',
          query('{{thread_id}}', 'sum by (thread_id) (tickerwatch_tasks{job="$job"})'),
          query('threads of {{instance}}', 'kafka_streams_alive_stream_threads{job="$job"}'),
        ),
        panel(
          'Rebalances',
          'short',
          'Within a quarter of an hour.',
          query('{{thread_id}}', 'increase(kafka_consumer_coordinator_rebalance_total{job="$job"}[15m])'),
        ),
        panel(
          'Trouble',
          'short',
          'Within a quarter of an hour: tasks begun anew because something failed, memberships lost.',
          query(
            'begun anew, {{thread_id}}',
            'increase(tickerwatch_thread_task_retried_total{job="$job"}[15m])',
          ),
          query(
            'membership lost, {{thread_id}}',
            'increase(tickerwatch_thread_membership_lost_total{job="$job"}[15m])',
          ),
        ),
      ],
    },
    {
      title: 'Processes',
      panels: [
        panel(
          'Processor time',
          'short',
          'Processors in use.',
          query('{{instance}}', rate('process_cpu_seconds_total', 'instance')),
        ),
        panel(
          'Memory',
          'bytes',
          'Of the process, and of the heap of its main thread. A level is well; a slope is not.',
          query('{{instance}}', 'process_resident_memory_bytes{job="$job"}'),
          query('heap of {{instance}}', 'nodejs_heap_size_used_bytes{job="$job"}'),
        ),
        panel(
          'Event loop of main threads',
          's',
          'How long a timer waits. Heartbeats are late when this is.',
          query('99 of 100, {{instance}}', 'nodejs_eventloop_lag_p99_seconds{job="$job"}'),
        ),
        panel(
          'Event loop of worker threads',
          's',
          'The same of nodes with --threads.',
          query(
            '99 of 100, {{thread_id}}',
            quantile(0.99, 'tickerwatch_thread_event_loop_delay_seconds', ', thread_id'),
          ),
        ),
        panel(
          'Garbage collection',
          'percentunit',
          'Share of the main thread’s time.',
          query('{{instance}} {{kind}}', rate('nodejs_gc_duration_seconds_sum', 'instance, kind')),
        ),
        panel(
          'Handles',
          'short',
          'Sockets, files and timers that are open.',
          query('{{instance}}', 'sum by (instance) (nodejs_active_handles{job="$job"})'),
        ),
      ],
    },
  ],
}
