/** What the engine does: threads, tasks, nodes of the topology, stores, restores, lag. */
import type { TaskStatus } from '../../topology/index.ts'
import type { TopologyEdge } from '../status.ts'
import type { Measure } from './measure.ts'

const thread = ['thread_id'] as const
const task = ['thread_id', 'task_id'] as const

const ofTask = ({ thread, name }: TaskStatus) => ({ thread_id: thread, task_id: name })

type Count = 'polls' | 'commits' | 'failedCommits' | 'rebalances' | 'lostMemberships' | 'tasksCreated'
type Total =
  | Count
  | 'taskRetries'
  | 'pollTime'
  | 'processTime'
  | 'restores'
  | 'restoredRecords'
  | 'restoredBytes'

function threadCounter(name: string, help: string, of: Total): Measure {
  return {
    type: 'counter',
    name,
    help,
    labels: thread,
    values: ({ node }) => node.threads.map(each => ({ labels: { thread_id: each.name }, value: each[of] })),
  }
}

function threadHistogram(
  name: string,
  help: string,
  of: 'commitLatency' | 'recordLatency' | 'assignmentLatency' | 'loopDelay',
): Measure {
  return {
    type: 'histogram',
    name,
    help,
    labels: thread,
    values: ({ node }) =>
      node.threads.flatMap(each => {
        const { [of]: value } = each
        return value === undefined ? [] : { labels: { thread_id: each.name }, value }
      }),
  }
}

function taskCounter(
  name: string,
  help: string,
  of: 'processed' | 'skipped' | 'deadLettered' | 'windowsClosed',
): Measure {
  return {
    type: 'counter',
    name,
    help,
    labels: task,
    values: ({ node }) => node.tasks.map(each => ({ labels: ofTask(each), value: each[of] })),
  }
}

export const engineMeasures: readonly Measure[] = [
  {
    type: 'gauge',
    name: 'tickerwatch_node_stalled',
    help: '1 while records wait and none is processed: /health/live says why.',
    values: ({ stalled }) => [{ value: stalled === undefined ? 0 : 1 }],
  },
  {
    type: 'gauge',
    name: 'tickerwatch_node_ready',
    help: '1 while the node can do its work: /health/ready says why not.',
    values: ({ unready }) => [{ value: unready === undefined ? 1 : 0 }],
  },
  {
    type: 'gauge',
    name: 'kafka_streams_alive_stream_threads',
    help: 'Threads that run tasks.',
    values: ({ node }) => [{ value: node.threads.length }],
  },
  threadCounter('kafka_streams_thread_poll_total', 'Steps of the loop, each of which polls once.', 'polls'),
  threadCounter(
    'kafka_streams_thread_poll_seconds_total',
    'Time spent in polls, most of it waiting.',
    'pollTime',
  ),
  threadCounter('kafka_streams_thread_process_seconds_total', 'Time spent in the topology.', 'processTime'),
  threadCounter('kafka_streams_thread_commit_total', 'Commits of tasks that succeeded.', 'commits'),
  threadCounter('tickerwatch_thread_commit_failed_total', 'Commits of tasks that failed.', 'failedCommits'),
  threadHistogram('kafka_streams_thread_commit_latency_seconds', 'How long commits took.', 'commitLatency'),
  threadHistogram(
    'kafka_streams_record_e2e_latency_seconds',
    'From the timestamp that the newest record of a commit has in the log until it was committed.',
    'recordLatency',
  ),
  threadCounter('kafka_streams_thread_task_created_total', 'Tasks begun here.', 'tasksCreated'),
  threadCounter(
    'tickerwatch_thread_task_retried_total',
    'Tasks begun anew because something failed.',
    'taskRetries',
  ),
  threadCounter(
    'kafka_consumer_coordinator_rebalance_total',
    'Assignments of the group acted on.',
    'rebalances',
  ),
  threadHistogram(
    'tickerwatch_thread_assignment_latency_seconds',
    'From an assignment until all its tasks run, restores included.',
    'assignmentLatency',
  ),
  threadCounter(
    'tickerwatch_thread_membership_lost_total',
    'How often the group took the thread for dead, or fenced it.',
    'lostMemberships',
  ),
  threadCounter('tickerwatch_thread_restore_total', 'Stores restored.', 'restores'),
  threadCounter(
    'kafka_streams_thread_restore_records_total',
    'Records read to restore stores.',
    'restoredRecords',
  ),
  threadCounter(
    'tickerwatch_thread_restore_bytes_total',
    'Bytes of keys and values of those.',
    'restoredBytes',
  ),
  threadHistogram(
    'tickerwatch_thread_event_loop_delay_seconds',
    'How long a worker thread’s event loop kept a timer waiting; of the main thread see nodejs_eventloop_lag_seconds.',
    'loopDelay',
  ),
  {
    type: 'gauge',
    name: 'tickerwatch_tasks',
    help: 'Tasks that run in the thread.',
    labels: thread,
    values: ({ node }) =>
      node.threads.map(({ name }) => ({
        labels: { thread_id: name },
        value: node.tasks.filter(each => each.thread === name).length,
      })),
  },
  taskCounter('kafka_streams_task_process_total', 'Records taken from the input.', 'processed'),
  taskCounter(
    'kafka_streams_task_dropped_records_total',
    'Records left out because the failure policy said so.',
    'skipped',
  ),
  taskCounter(
    'tickerwatch_task_dead_letters_total',
    'Records put into the dead-letter topic.',
    'deadLettered',
  ),
  taskCounter('tickerwatch_task_windows_closed_total', 'Windows closed, and handed on.', 'windowsClosed'),
  {
    type: 'counter',
    name: 'kafka_streams_processor_node_process_total',
    help: 'Records that a node of the topology was given; those of a source, that it gave.',
    labels: [...task, 'processor_node_id'],
    values: ({ node, status }) =>
      node.tasks.flatMap(each =>
        [...processed(each, status.topology.edges)].map(([name, value]) => ({
          labels: { ...ofTask(each), processor_node_id: name },
          value,
        })),
      ),
  },
  {
    type: 'counter',
    name: 'kafka_streams_state_put_total',
    help: 'Changes of a store that were handed to commits.',
    labels: [...task, 'store'],
    values: ({ node }) =>
      node.tasks.flatMap(each =>
        each.changes.map(({ store, count }) => ({ labels: { ...ofTask(each), store }, value: count })),
      ),
  },
  {
    type: 'gauge',
    name: 'kafka_streams_state_updater_active_restoring_tasks',
    help: 'Tasks that restore their state before they run here.',
    values: ({ node }) => [{ value: new Set(node.restoring.map(each => each.task)).size }],
  },
  {
    type: 'gauge',
    name: 'kafka_streams_state_updater_standby_updating_tasks',
    help: 'Copies kept here of the state of tasks that run elsewhere.',
    values: ({ node }) => [{ value: node.standbys.length }],
  },
  {
    type: 'gauge',
    name: 'kafka_streams_task_restore_remaining_records',
    help: 'Records of the changelog that a store has still to read before its task runs here; 0 once it runs.',
    labels: ['task_id', 'store'],
    values: ({ node: { tasks, restoring } }) => [
      ...tasks.flatMap(({ name, changes }) =>
        changes.map(({ store }) => ({ labels: { task_id: name, store }, value: 0 })),
      ),
      ...restoring.map(({ task, store, left }) => ({ labels: { task_id: task, store }, value: left })),
    ],
  },
  {
    type: 'gauge',
    name: 'tickerwatch_standby_lag',
    help: 'Records of the changelogs that a standby still lacks; none while that is not known.',
    labels: ['task_id'],
    values: ({ node }) =>
      node.standbys.flatMap(({ name, lag }) =>
        lag === undefined ? [] : { labels: { task_id: name }, value: lag },
      ),
  },
  {
    type: 'gauge',
    name: 'kafka_consumergroup_lag',
    help: 'Records that a consumer group has still to read; -1: it never committed.',
    labels: ['consumergroup', 'topic', 'partition'],
    values: ({ status }) =>
      status.lag.map(({ group, topic, partition, lag }) => ({
        labels: { consumergroup: group, topic, partition },
        value: lag,
      })),
  },
]

/** By node of the topology, what came in by its edges; of those that none leads to, what went out. */
function processed({ outputs }: TaskStatus, edges: readonly TopologyEdge[]): Map<string, number> {
  const counts = new Map<string, number>()
  const add = (name: string, count: number): void => {
    counts.set(name, (counts.get(name) ?? 0) + count)
  }
  for (const { node, output, count } of outputs) {
    if (edges.every(({ to }) => to !== node)) add(node, count)
    for (const { from, to, output: by } of edges) if (from === node && by === output) add(to, count)
  }
  return counts
}
