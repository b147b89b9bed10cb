/** A real Prometheus for tests: a process of its own, in a directory of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

const matrix = z.object({
  data: z.object({
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        values: z.array(z.tuple([z.number(), z.string()])),
      }),
    ),
  }),
})
const rules = z.object({
  data: z.object({
    groups: z.array(
      z.object({
        rules: z.array(z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() })),
      }),
    ),
  }),
})

export interface PrometheusServer {
  /** The series that a query has had since the server began, with their points. @throws when Prometheus refuses it */
  series(expr: string): Promise<z.infer<typeof matrix>['data']['result']>
  /** How its rules fare. */
  rules(): Promise<z.infer<typeof rules>['data']['groups'][number]['rules']>
  stop(): Promise<void>
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/**
 * Scrapes each second.
 * @param targets `host:port`, as the job `tickerwatch`
 * @param ruleFiles paths
 */
export async function startPrometheus(
  targets: readonly string[],
  ruleFiles: readonly string[],
): Promise<PrometheusServer> {
  const directory = await mkdtemp(join(tmpdir(), 'tickerwatch-prometheus-'))
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ruleFiles,
    scrape_configs: [{ job_name: 'tickerwatch', static_configs: [{ targets }] }],
  }
  // JSON is YAML.
  await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(config))
  const port = await freePort()
  const words = [
    `--config.file=${join(directory, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ]
  const server = spawn('prometheus', words, { stdio: ['ignore', 'inherit', 'inherit'] })
  const exited = once(server, 'exit')
  const url = `http://127.0.0.1:${port}`
  const stop = async (): Promise<void> => {
    server.kill('SIGTERM')
    await exited
    await rm(directory, { recursive: true, force: true })
  }
  const ask = async (path: string, parameters: Record<string, string> = {}): Promise<unknown> => {
    const response = await fetch(`${url}${path}?${new URLSearchParams(parameters)}`)
    const text = await response.text()
    if (!response.ok) throw new Error(`${path} ${JSON.stringify(parameters)}: ${text}`)
    return JSON.parse(text)
  }
  const began = Date.now()
  const isReady = async (): Promise<boolean> => {
    const response = await fetch(`${url}/-/ready`).catch(() => undefined)
    return response?.ok === true
  }
  while (!(await isReady())) {
    if (server.exitCode !== null || Date.now() - began > 60_000) {
      await stop()
      throw new Error('Prometheus does not start; see above')
    }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return {
    async series(query) {
      const [start, end] = [began, Date.now()].map(time => String(time / 1000))
      return matrix.parse(await ask('/api/v1/query_range', { query, start: start!, end: end!, step: '1' }))
        .data.result
    },
    async rules() {
      return rules.parse(await ask('/api/v1/rules')).data.groups.flatMap(group => group.rules)
    },
    stop,
  }
}
