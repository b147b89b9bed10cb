/** The pages of Spark scripts and of clusters, on a fake EMR and CloudWatch over HTTP. */

import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch'
import { DescribeStepCommand, EMRClient } from '@aws-sdk/client-emr'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fileStore } from '../lake/file-store.ts'
import { createCluster } from '../spark-jobs/submit/cluster.ts'
import { parseConfig } from '../spark-jobs/submit/config.ts'
import { jobOf, jobs } from '../spark-jobs/submit/jobs.ts'
import { observer } from '../spark-jobs/submit/observer.ts'
import { addStep, sparkSubmit } from '../spark-jobs/submit/step.ts'
import { type FakeCloudWatch, startFakeCloudWatch } from '../spark-jobs/submit/testing/fake-cloudwatch.ts'
import { type FakeCluster, type FakeEmr, startFakeEmr } from '../spark-jobs/submit/testing/fake-emr.ts'
import { type Service, startService } from './server.ts'
import { chromiumUnavailable, executablePath, launchArguments } from './testing/chromium.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const contrast = readFileSync(new URL('testing/contrast.js', import.meta.url), 'utf8').replace(
  'export function',
  'function',
)
/** Where pictures of the pages go, to be looked at; none are made without it. */
const pictures = process.env.TICKERWATCH_PICTURES
const reason = chromiumUnavailable()
const HOUR = 3_600_000
const config = parseConfig(
  JSON.stringify({
    ...{ lake: 's3://lake', code: 's3://lake/code', logs: 's3://lake/logs' },
    instances: { task: { type: 'm6i.xlarge', count: 3, spot: true } },
  }),
  'the configuration',
)
const code = { url: 's3://lake/code/abc/', modules: 's3://lake/m.zip', featureSchema: 's3://lake/f.json' }

describe.skipIf(reason !== undefined)(
  `the pages of Spark scripts and clusters in Chromium${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    let browser: Browser
    let scratch: string
    let emr: FakeEmr
    let cloudWatch: FakeCloudWatch
    let clients: { emr: EMRClient; cloudWatch: CloudWatchClient }
    let service: Service
    let page: Page
    let complaints: string[]
    let errors: unknown[]

    const shows = async (selector: string, expected: string | RegExp): Promise<void> => {
      const text = async () => (await page.locator(selector).innerText()).trim()
      await expect.poll(text, { timeout: 20_000 }).toMatch(expected)
    }

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: launchArguments })
    })
    afterAll(() => browser?.close())

    beforeEach(async () => {
      scratch = await mkdtemp(join(tmpdir(), 'tickerwatch-emr-page-'))
      const logs = fileStore(join(scratch, 'logs'))
      const driver = {
        stdout: 'Traceback (most recent call last):\nValueError: <b>no recordings</b> in s3://lake/staging',
        stderr: 'INFO SparkContext: Running Spark version 3.5.6',
      }
      emr = await startFakeEmr({
        run: async () => ({ code: 1, stderr: 'spark-submit: failed', driver }),
        log: (uri, bytes) => logs.put(uri.replace('s3://lake/logs/', ''), bytes),
      })
      cloudWatch = await startFakeCloudWatch()
      const common = {
        region: 'us-east-1',
        credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' },
        maxAttempts: 1,
      }
      clients = {
        emr: new EMRClient({ ...common, endpoint: emr.url }),
        cloudWatch: new CloudWatchClient({ ...common, endpoint: cloudWatch.url }),
      }
      errors = []
      complaints = []
      page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
      page.on('console', message => void (message.type() === 'error' && complaints.push(message.text())))
      page.on('pageerror', error => void complaints.push(error.message))
    })
    afterEach(async () => {
      await page.close()
      await service?.close()
      clients.emr.destroy()
      clients.cloudWatch.destroy()
      await emr.stop()
      await cloudWatch.stop()
      await rm(scratch, { recursive: true, force: true })
    })

    async function serve(configured = true): Promise<void> {
      const lake = fileStore(join(scratch, 'lake'))
      await lake.put('reports/clean.json', Buffer.from('{"rowsIn": 969029, "rowsQuarantined": 2}'))
      const report = {
        ...{ candidate: 'watch@2.1.0', serving: 'watch@2.0.0', newlyLabelled: 164, promoted: false },
        unseen: { people: 6, windows: 1204, difference: 0.012, lowerBound: -0.004 },
        objections: ['macro-F1 is not surely greater'],
      }
      await lake.put('retraining/weekly-2026-11-22/report.json', Buffer.from(JSON.stringify(report)))
      await lake.put('retraining/weekly-2026-11-29/begun.json', Buffer.from('{}'))
      service = await startService({
        port: 0,
        source: movingSource(Date.now),
        releases: noReleases,
        annotations: noAnnotations,
        deadLetters: noLetters,
        emr: configured
          ? observer({ ...clients, config, lake, logs: fileStore(join(scratch, 'logs')), now: Date.now })
          : undefined,
        token: 'secret',
        logger: { error: (error: unknown) => void errors.push(error) },
      })
    }

    /** One cluster that works and one that has ended; three jobs were run well, and one failed. */
    async function busy(): Promise<FakeCluster> {
      const ended = await made({ state: 'TERMINATED', createdAt: Date.now() - 30 * HOUR })
      Object.assign(ended, {
        endedAt: Date.now() - 28 * HOUR,
        reason: { Message: 'Auto-terminated after 30 minutes' },
      })
      const cluster = await made({ state: 'WAITING', createdAt: Date.now() - 2 * HOUR })
      cluster.readyAt = cluster.createdAt + 400_000
      for (const [i, name] of ['features', 'train', 'evaluate'].entries()) {
        const step = await added(cluster, name)
        const startedAt = cluster.createdAt + (i + 1) * 1_200_000
        Object.assign(step, {
          state: 'COMPLETED',
          createdAt: startedAt - 5000,
          startedAt,
          endedAt: startedAt + 700_000,
        })
      }
      const failed = await added(cluster, 'clean')
      await clients.emr.send(new DescribeStepCommand({ ClusterId: cluster.id, StepId: failed.id }))
      await expect.poll(() => failed.state).toBe('FAILED')
      const wave = (base: number, height: number) =>
        Array.from({ length: 36 }, (_, i) => {
          const at = Date.now() - (36 - i) * 300_000
          return [at, base + height * Math.sin(i / 4)] as const
        })
      cloudWatch.metrics.set(`${cluster.id} YARNMemoryAvailablePercentage`, wave(45, 40))
      cloudWatch.metrics.set(`${cluster.id} AppsRunning`, wave(1, 0.5))
      cloudWatch.metrics.set(`${cluster.id} AppsPending`, wave(0, 0))
      cloudWatch.metrics.set(`${cluster.id} ContainerPending`, wave(20, 20))
      cloudWatch.metrics.set(`${cluster.id} HDFSUtilization`, wave(12, 2))
      return cluster
    }

    async function made(changes: Partial<FakeCluster>): Promise<FakeCluster> {
      const id = await createCluster(clients.emr, config)
      const index = emr.clusters.findIndex(each => each.id === id)
      const cluster = { ...emr.clusters[index]!, ...changes }
      emr.clusters[index] = cluster
      return cluster
    }

    async function added(cluster: FakeCluster, name: string) {
      const job = jobOf(jobs.find(each => each.name === name)!, config.lake, [])
      const id = await addStep(clients.emr, cluster.id, name, sparkSubmit(job, code, undefined))
      return cluster.steps.find(step => step.id === id)!
    }

    test('clusters are shown with nodes, cost, use and steps, and chosen by keyboard', async () => {
      const cluster = await busy()
      await serve()
      await page.goto(`${service.url}/emr.html`)
      await shows('#cluster-title', `Cluster ${cluster.id}: waiting`)
      await shows('#groups', /core\s+m6i\.2xlarge\s+2\s+2\s+on demand[\s\S]*task[\s\S]*spot/)
      await shows('#cost', /^≈ \$3\.8/)
      await shows('#cost-rate', /\$1\.92 an hour/)
      await shows('#cost-note', /estimate.*us-east-1.*2025-06-01.*Not in it: disks.*Spot nodes/s)
      await shows('#steps', /clean\s+failed[\s\S]*Unknown Error/)
      await expect.poll(() => page.locator('#utilisation canvas').count()).toBe(5)
      await shows('#utilisation', /Memory that jobs hold: \d+(\.\d)?%/)
      await page.locator('#clusters button').last().press('Enter')
      await shows('#cluster-title', /terminated/)
      await shows('#no-use', /CloudWatch has nothing/)
      expect(complaints).toEqual([])
      expect(errors).toEqual([])
    })

    test('a job has parameters and source, its runs a log, for who has the token, as text', async () => {
      await busy()
      await serve()
      await page.goto(`${service.url}/spark.html`)
      await shows('#jobs', /clean[\s\S]*clean\.py[\s\S]*failed/)
      await page.locator('#jobs button').first().press('Enter')
      await shows('#job-title', 'clean: clean.py')
      await shows('#retrainings', /\+0\.012 \(−0\.004\)\s+not promoted\s+macro-F1 is not surely greater/)
      await shows('#retrainings', /weekly-2026-11-29[\s\S]*not ended/)
      await shows('#parameters', /--timezone …\s+IANA zone of the stamps\s+UTC/)
      await shows('#command', 'tickerwatch emr clean --config emr.json')
      await shows('#source', /def arguments\(\) -> argparse\.Namespace/)
      await page.locator('#runs button').first().press('Enter')
      await page.locator('.sign-in input').fill('secret')
      await page.keyboard.press('Enter')
      await shows('#logs', /stdout\.gz[\s\S]*ValueError: <b>no recordings<\/b>/)
      await shows('#words', /--recordings s3:\/\/lake\/staging/)
      await page.locator('#show-report').click()
      await shows('#report', /"rowsIn": 969029/)
      await page.locator('#jobs button', { hasText: 'train' }).click()
      await shows('#command', /-- --source … --name … --version …$/)
      expect(complaints.filter(text => !/401/.test(text))).toEqual([])
    })

    test('without a configuration the pages say what to set, and nothing is an error', async () => {
      await serve(false)
      await page.goto(`${service.url}/emr.html`)
      await shows('#to-do', /No cluster is configured\. Start the node with --emr-config/)
      expect(await page.locator('#cluster').isVisible()).toBe(false)
      await page.goto(`${service.url}/spark.html?job=train`)
      await shows('#to-do', /--emr-config/)
      await shows('#job-title', 'train: train.py')
      expect(complaints).toEqual([])
      expect(errors).toEqual([])
    })

    test('what AWS refuses, and a cluster that is not there, is one line with what to do', async () => {
      const cluster = await busy()
      cloudWatch.refuse = {
        type: 'AccessDeniedException',
        message: 'not authorized: cloudwatch:GetMetricData',
      }
      await serve()
      await page.goto(`${service.url}/emr.html?id=${cluster.id}`)
      await shows('#use-trouble', /GetMetricData\. Give these credentials the rights/)
      await shows('#groups', /primary/)
      await page.goto(`${service.url}/emr.html?id=j-nothing`)
      await shows('#trouble', /there is no cluster j-nothing/)
      await service.close()
      emr.refuse = { type: 'ExpiredTokenException', message: 'The security token is expired' }
      await serve()
      for (const name of ['emr', 'spark']) {
        await page.goto(`${service.url}/${name}.html`)
        await shows('#trouble', /listing the clusters failed: .*expired\. Log in anew/)
      }
      expect(errors).toEqual([])
    })

    test('dark and light have readable text, and narrow pages do not scroll sideways', async () => {
      await busy()
      await serve()
      for (const name of ['emr', 'spark']) {
        await page.setViewportSize({ width: 1280, height: 900 })
        await page.goto(`${service.url}/${name}.html#token=secret`)
        if (name === 'emr') {
          await expect.poll(() => page.locator('#utilisation canvas').count()).toBe(5)
        } else {
          await shows('#runs', /failed/)
          await page.locator('#jobs button', { hasText: 'train' }).click()
          await shows('#job-title', /train/)
          await page.locator('#runs button').first().click()
          await shows('#logs', /ValueError/)
        }
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme })
          expect(await page.evaluate(`${contrast}; weakTexts(4.5)`), name).toEqual([])
          if (pictures !== undefined)
            await page.screenshot({ path: `${pictures}/${name}-${colorScheme}.png`, fullPage: true })
        }
        await page.setViewportSize({ width: 400, height: 900 })
        await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(400)
        if (pictures !== undefined)
          await page.screenshot({ path: `${pictures}/${name}-narrow.png`, fullPage: true })
      }
    })
  },
)
