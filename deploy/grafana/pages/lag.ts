import type { Page } from '../panels.ts'
import { panel, quantile, query, rate, same } from '../queries.ts'

export const lag: Page = {
  uid: 'lag',
  title: 'Lag',
  about: 'How far behind the application is, in records and in seconds.',
  rows: [
    {
      title: 'Records',
      panels: [
        panel(
          'Behind, by topic',
          'short',
          'Records that wait. It may rise with a burst; it must come back.',
          query(
            '{{consumergroup}} {{topic}}',
            'sum by (consumergroup, topic) (max by (consumergroup, topic, partition) (clamp_min(kafka_consumergroup_lag{job="$job"}, 0)))',
          ),
        ),
        panel(
          'Behind, by partition',
          'short',
          'One partition alone: a watch that sends too much, or a task that stands still. -1: never committed.',
          query('{{topic}} {{partition}}', same('kafka_consumergroup_lag', 'topic, partition')),
        ),
        panel(
          'Falling back',
          'ops',
          'Records per second by which the lag grows; below 0 it is worked off.',
          query(
            '{{consumergroup}} {{topic}}',
            'deriv(consumergroup_topic:kafka_consumergroup_lag:sum{job="$job"}[$__rate_interval])',
          ),
        ),
        panel(
          'Until it is worked off',
          's',
          'At the present rate, if nothing more came.',
          query(
            'time',
            `sum by (job) (max by (job, topic, partition) (clamp_min(kafka_consumergroup_lag{job="$job"}, 0))) / (${rate('kafka_streams_task_process_total', 'job')} > 0)`,
          ),
        ),
      ],
    },
    {
      title: 'Time',
      panels: [
        panel(
          'From the end of a window to its prediction',
          's',
          'In event time: what a watch’s wearer waits. Of recordings of former times it is their age.',
          query('half of them', quantile(0.5, 'tickerwatch_prediction_latency_seconds')),
          query('99 of 100', quantile(0.99, 'tickerwatch_prediction_latency_seconds')),
        ),
        panel(
          'From the log to the commit',
          's',
          'By the timestamp that readings have in the log.',
          query('half of them', quantile(0.5, 'kafka_streams_record_e2e_latency_seconds')),
          query('99 of 100', quantile(0.99, 'kafka_streams_record_e2e_latency_seconds')),
        ),
      ],
    },
  ],
}
