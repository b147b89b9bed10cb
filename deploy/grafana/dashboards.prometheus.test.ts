/**
 * Two real nodes on a real Kafka, one of them with worker threads, scraped by a real Prometheus while somebody labels windows, a
 * release scores in shadow and takes over, the group rebalances and state is restored: every panel has something to show.
 */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { printed, type Scratch, scratch } from '../../test/node-process.ts'
import { brokerUnavailable } from '../../topology/log/kafka/broker/distribution.ts'
import {
  startTemporaryBroker,
  type TemporaryBroker,
} from '../../topology/log/kafka/broker/temporary-broker.ts'
import { freePort, type PrometheusServer, startPrometheus } from '../prometheus/testing/prometheus-server.ts'
import { pages } from './pages.ts'

const reason = brokerUnavailable()
const patience = { timeout: 120_000, interval: 250 }
const rulesDirectory = fileURLToPath(new URL('../prometheus/', import.meta.url))
const release = new URL('../../processors/models/releases/watch-2.0.0.json', import.meta.url)

const shown = z.object({
  window: z
    .object({ deviceId: z.string(), windowStart: z.number(), predicted: z.string(), arm: z.string() })
    .nullable(),
})

describe.skipIf(reason !== undefined)(`dashboards of running nodes ${reason ?? ''}`, () => {
  let own: Scratch
  let broker: TemporaryBroker
  let prometheus: PrometheusServer
  let ports: readonly number[] = []
  const nodes: ChildProcess[] = []

  const start = (i: number, ...words: string[]): ChildProcess => {
    const node = own.start(
      `node-${i}`,
      ...['--brokers', broker.brokers, '--standby-replicas', '1', '--port', String(ports[i]), ...words],
    )
    const text = printed(node)
    node.once('exit', code => code !== null && code !== 0 && console.error(text()))
    nodes.push(node)
    return node
  }
  const first = (): ChildProcess => start(0, '--devices', '40', '--archive', own.path('archive'))
  const scrape = async (i: number): Promise<string> =>
    await fetch(`http://127.0.0.1:${ports[i]}/metrics`).then(
      response => response.text(),
      () => '',
    )
  const post = async (path: string, body: object): Promise<unknown> => {
    const { token } = z
      .object({ token: z.string() })
      .parse(JSON.parse(await readFile(own.path('node-0/node.json'), 'utf8')))
    const response = await fetch(`http://127.0.0.1:${ports[0]}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`)
    return JSON.parse(text)
  }
  /** What the first series of a query says now. */
  const value = async (expr: string): Promise<number> =>
    Number((await prometheus.series(expr))[0]?.values.at(-1)?.[1] ?? Number.NaN)

  beforeAll(async () => {
    own = await scratch()
    broker = await startTemporaryBroker()
    ports = [await freePort(), await freePort()]
    prometheus = await startPrometheus(
      ports.map(port => `127.0.0.1:${port}`),
      ['recording.yml', 'alerts.yml'].map(file => `${rulesDirectory}${file}`),
    )
    const tells = (line: RegExp): Promise<void> =>
      vi.waitFor(async () => expect(await scrape(0)).toMatch(line), patience)
    const holds = (condition: string): Promise<void> =>
      vi.waitFor(async () => expect([condition, await value(condition)]).toEqual([condition, 1]), patience)

    const killed = first()
    await tells(/^tickerwatch_annotation_waiting\{arm="random"\} [1-9]/m)
    // One of the random arm is among four that are handed out.
    for (let i = 0, drawn = 0; drawn === 0; i++) {
      expect(i).toBeLessThan(20)
      const { window } = shown.parse(await post('/api/annotation/next', { annotator: 'anna' }))
      if (window === null) continue
      const { deviceId, windowStart, predicted: label } = window
      const said = { annotator: 'anna', verdict: 'labelled', label }
      await post('/api/annotation/answer', { ...said, deviceId, windowStart })
      if (window.arm === 'random') drawn++
    }
    await post('/api/models', JSON.parse(await readFile(release, 'utf8')))
    await post('/api/models/shadow', { name: 'watch', version: '2.0.0' })
    await tells(/^tickerwatch_shadow_windows_total\{version="2.0.0",outcome="scored"\} [1-9]/m)

    start(1, '--devices', '1', '--threads', '2')
    await holds('sum(tickerwatch_tasks) == bool 4')
    await holds('count(tickerwatch_tasks > 0) == bool 3')
    await holds('count(tickerwatch_standby_lag) == bool 4')
    await post('/api/models/promote', { name: 'watch', version: '2.0.0', reason: 'for the test' })
    await holds('min(tickerwatch_model_switches_total) > bool 0')

    killed.kill('SIGKILL')
    await once(killed, 'exit')
    await holds('sum(up) == bool 1')
    await holds('sum(tickerwatch_tasks) == bool 4')
    first()
    await holds('sum(up) == bool 2')
    await holds('count(tickerwatch_tasks > 0) == bool 3')
    await holds('sum(kafka_streams_thread_restore_records_total) > bool 0')
    await holds('min(increase(kafka_streams_task_process_total[10s])) > bool 0')
  })

  afterAll(async () => {
    for (const node of nodes) {
      if (node.exitCode !== null || node.signalCode !== null) continue
      node.kill('SIGKILL')
      await once(node, 'exit')
    }
    await prometheus?.stop()
    await broker?.stop()
    await own.remove()
  })

  test.each(
    pages.flatMap(({ title, rows }) =>
      rows.flatMap(row =>
        row.panels.flatMap(panel =>
          panel.queries.map(({ expr, legend }) => [title, panel.title, legend, expr] as const),
        ),
      ),
    ),
  )('%s: %s: %s', async (_page, _panel, legend, expr) => {
    const asked = expr.replaceAll('$__rate_interval', '10s').replaceAll('$job', 'tickerwatch')
    const series = await prometheus.series(asked)
    const points = series.flatMap(({ values }) => values.map(([, point]) => point))
    expect(points.filter(point => point !== 'NaN').length, asked).toBeGreaterThan(0)
    // What the legend names is there.
    for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
      expect(series[0]?.metric, asked).toHaveProperty(label)
    }
  })

  test('every rule can be evaluated', async () => {
    const rules = await prometheus.rules()
    expect(rules.length).toBeGreaterThan(30)
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([])
  })

  test('promtool finds nothing wrong with what nodes tell', async () => {
    for (const i of [0, 1]) {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: await scrape(i),
        encoding: 'utf8',
      })
      expect([status, `${stdout}${stderr}`]).toEqual([0, ''])
    }
  })

  test('a node has few series, by threads and tasks, and none by watch; they do not become more', async () => {
    const names = async (i: number): Promise<string[]> =>
      (await scrape(i))
        .split('\n')
        .filter(line => line !== '' && !line.startsWith('#'))
        .map(line => line.slice(0, line.lastIndexOf(' ')))
        .filter(name => !name.startsWith('nodejs_'))
    const processed = (): Promise<number> => value('sum(kafka_streams_task_process_total)')
    for (const i of [0, 1]) {
      // Series that are told at all only once something has happened may come at first; later there are none.
      const comeWhileRecordsPass = async (): Promise<string[]> => {
        const before = new Set(await names(i))
        const until = (await processed()) + 1000
        await expect.poll(processed, patience).toBeGreaterThan(until)
        // Tasks and partitions come and go with the group; there are four of each.
        return (await names(i)).filter(
          name => !before.has(name) && !/(task_id|partition)="(0_)?[0-3]"/.test(name),
        )
      }
      await expect.poll(comeWhileRecordsPass, patience).toEqual([])
      const after = await names(i)
      expect(after.length).toBeLessThan(600)
      expect(after.filter(name => /watch-\d+"/.test(name))).toEqual([])
    }
    const threads = (await prometheus.series('tickerwatch_tasks')).map(({ metric }) => metric.thread_id)
    expect(new Set(threads).size).toBe(3)
  })
})
