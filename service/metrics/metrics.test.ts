import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { distribution, observe, type TaskStatus } from '../../topology/index.ts'
import { ThreadMeasures } from '../../topology/thread-status.ts'
import type { KnownRelease, Measures, ServiceStatus } from '../status.ts'
import { movingSource } from '../testing/moving-source.ts'
import { noAnnotations } from '../testing/no-annotations.ts'
import { noMeasures } from '../testing/no-measures.ts'
import { exposition, measures } from './metrics.ts'
import { table } from './table.ts'

/** Lines of the exposition that are values, by what comes before the value. */
async function scraped(status: Partial<ServiceStatus>, measured: Partial<Measures>) {
  const source = movingSource(() => 0)
  source.change(status)
  source.measure({ ...noMeasures, ...measured })
  const text = await exposition(source).scrape()
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map(line => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

function thread(name: string): ThreadMeasures {
  const measured = new ThreadMeasures(name)
  measured.polls = 7
  measured.pollTime = 1.5
  observe(measured.commitLatency, 0.02)
  observe(measured.commitLatency, 100)
  return measured
}

function task(name: string, of: string): TaskStatus {
  return {
    name,
    thread: of,
    processed: 100,
    deadLettered: 1,
    skipped: 2,
    windowsClosed: 4,
    outputs: [
      { node: 'readings', output: 'out', count: 100 },
      { node: 'motion', output: 'out', count: 4 },
      { node: 'motion', output: 'late', count: 3 },
    ],
    changes: [{ store: 'motion', count: 25 }],
  }
}

const node = (tasks: number, threads: number): Measures['node'] => {
  const names = Array.from({ length: threads }, (_, i) => `activity-node-${i + 1}`)
  return {
    ...noMeasures.node,
    threads: names.map(thread),
    tasks: Array.from({ length: tasks }, (_, i) => task(`0_${i}`, names[i % threads]!)),
  }
}

test('the engine’s figures come by thread, task, node of the topology and store', async () => {
  const values = await scraped({}, { node: node(2, 2) })
  const first = 'thread_id="activity-node-1"'
  expect(values.get(`kafka_streams_thread_poll_total{${first}}`)).toBe(7)
  expect(values.get(`kafka_streams_thread_poll_seconds_total{${first}}`)).toBe(1.5)
  expect(values.get(`kafka_streams_task_process_total{${first},task_id="0_0"}`)).toBe(100)
  expect(values.get(`kafka_streams_task_dropped_records_total{${first},task_id="0_0"}`)).toBe(2)
  expect(values.get(`tickerwatch_tasks{${first}}`)).toBe(1)
  const processed = (name: string) =>
    values.get(
      `kafka_streams_processor_node_process_total{${first},task_id="0_0",processor_node_id="${name}"}`,
    )
  expect(['readings', 'motion', 'features', 'late-readings', 'score'].map(processed)).toEqual([
    100,
    100,
    4,
    3,
    undefined,
  ])
  expect(values.get(`kafka_streams_state_put_total{${first},task_id="0_0",store="motion"}`)).toBe(25)
})

test('a distribution is a histogram with rising buckets', async () => {
  const values = await scraped({}, { node: node(0, 1) })
  const at = (suffix: string, le?: string) =>
    values.get(
      `kafka_streams_thread_commit_latency_seconds_${suffix}{thread_id="activity-node-1"${le === undefined ? '' : `,le="${le}"`}}`,
    )
  expect([at('bucket', '0.01'), at('bucket', '0.025'), at('bucket', '30'), at('bucket', '+Inf')]).toEqual([
    0, 1, 1, 2,
  ])
  expect([at('sum'), at('count')]).toEqual([100.02, 2])
})

test('who never committed has lag -1, and what is not known has no value', async () => {
  const lag = [{ group: 'activity', topic: 'in', partition: 0, lag: -1 }]
  const values = await scraped({ lag, archive: undefined }, {})
  expect(values.get('kafka_consumergroup_lag{consumergroup="activity",topic="in",partition="0"}')).toBe(-1)
  expect([...values.keys()].filter(key => key.includes('archive'))).toEqual([])
})

test('why a node stands still, or cannot work, is for the health routes; that it does is a metric', async () => {
  const source = movingSource(() => 0)
  const { scrape } = exposition(source)
  expect(await scrape()).toMatch(/^tickerwatch_node_stalled 0$/m)
  expect(await scrape()).toMatch(/^tickerwatch_node_ready 1$/m)
  source.stalled = () => '7 records wait'
  source.unready = () => 'no task runs yet'
  expect(await scrape()).toMatch(/^tickerwatch_node_stalled 1$/m)
  expect(await scrape()).toMatch(/^tickerwatch_node_ready 0$/m)
})

test('as many series as tasks, threads and partitions ask for, whatever else there is a lot of', async () => {
  const count = async (releases: number, labels: number, predictions: number) => {
    const versions = Array.from({ length: releases }, (_, i) => `1.0.${i}`)
    const known: KnownRelease[] = versions
      .map(version => ({
        name: 'watch',
        version,
        status: 'retired' as const,
        trust: 'signed' as const,
        reason: null,
        publishedAt: 0,
        metrics: { accuracy: 0.8, calibrationError: 0.02 },
      }))
      .reverse()
    const classes = Array.from({ length: labels }, (_, i) => `label ${i}`)
    const accuracy = versions.map(version => ({
      version,
      windows: labels,
      right: 1,
      perClass: Object.fromEntries(classes.map(label => [label, { windows: 1, right: 1 }])),
    }))
    const byVersion = Object.fromEntries(versions.map(version => [version, predictions]))
    const confidence = Object.fromEntries(versions.map(version => [version, distribution([0.5, 1])]))
    const annotation = {
      ...noAnnotations.status(),
      accuracy,
      byLabel: Object.fromEntries(classes.map(label => [label, 1])),
    }
    const swaps = versions.map(version => ({ version, at: 0 }))
    const models = {
      events: [],
      refused: [],
      refusals: 0,
      signaturesRequired: false,
      warnings: [],
      swaps,
      known,
    }
    return await scraped(
      { annotation, models },
      { node: node(64, 2), predictions: { ...noMeasures.predictions, byVersion, confidence } },
    )
  }
  const [few, many] = [await count(10, 64, 1), await count(500, 1000, 1_000_000)]
  const ours = (values: Map<string, number>) => [...values.keys()].filter(key => !key.startsWith('nodejs_'))
  expect(ours(many).length).toBe(ours(few).length)
  expect(ours(many).length).toBeLessThan(3000)
  // The newest, which people look at.
  expect(many.get('tickerwatch_predictions_total{version="1.0.499"}')).toBe(1_000_000)
  expect(many.get('tickerwatch_predictions_total{version="1.0.0"}')).toBeUndefined()
})

test('docs/metrics.md lists them all as they are', () => {
  const doc = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  expect(doc.slice(doc.indexOf('| name |'))).toBe(`${table(measures)}\n`)
})

test('names and units are Prometheus’', () => {
  for (const { name, type, labels = [] } of measures) {
    expect(name).toMatch(/^(kafka|tickerwatch)(_[a-z0-9]+)+$/)
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter'])
    for (const label of labels) expect(label).toMatch(/^[a-z]+(_[a-z]+)*$/)
  }
  expect(new Set(measures.map(({ name }) => name)).size).toBe(measures.length)
})
