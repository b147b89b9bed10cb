import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { NodeTasks } from '../topology/index.ts'
import { type Service, startService } from './server.ts'
import { chromiumUnavailable, executablePath, launchArguments } from './testing/chromium.ts'
import { type MovingSource, movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noQueries } from './testing/no-queries.ts'
import { noReleases } from './testing/no-releases.ts'

const contrast = readFileSync(new URL('testing/contrast.js', import.meta.url), 'utf8').replace(
  'export function',
  'function',
)
/** Where pictures of the page go, to be looked at; none are made without it. */
const pictures = process.env.TICKERWATCH_PICTURES
const reason = chromiumUnavailable()

describe.skipIf(reason !== undefined)(
  `the page of the topology in Chromium${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    const closing: (() => unknown)[] = []
    let browser: Browser
    let members: NodeTasks[]
    let first: MovingSource
    let second: MovingSource
    let service: Service
    let silent: Server
    let page: Page
    let complaints: string[]

    const text = async (selector: string): Promise<string> =>
      (await page.locator(selector).innerText()).trim()
    const shows = async (selector: string, expected: string | RegExp): Promise<void> => {
      await expect.poll(() => text(selector), { timeout: 20_000 }).toMatch(expected)
    }

    async function start(node: string, source: MovingSource): Promise<Service> {
      const started = await startService({
        port: 0,
        source,
        releases: noReleases,
        annotations: noAnnotations,
        deadLetters: noLetters,
        queries: { ...noQueries, node, nodes: () => members },
        token: 'secret',
        logger: { error: () => {} },
      })
      closing.push(() => started.close())
      return started
    }

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: launchArguments })
    })
    afterAll(() => browser?.close())

    /** Three nodes, of which one does not answer. */
    beforeEach(async () => {
      members = []
      first = movingSource(Date.now)
      second = movingSource(Date.now)
      first.change({
        work: { tasks: ['0_0', '0_1'], standbys: [{ task: '0_2', lag: 120 }], restoring: [] },
      })
      second.change({
        work: {
          tasks: ['0_2'],
          standbys: [{ task: '0_0', lag: undefined }],
          restoring: [{ task: '0_10', store: 'motion', left: 4_000 }],
        },
      })
      service = await start('activity-aa', first)
      const other = await start('activity-bb', second)
      silent = createServer((_request, response) => response.writeHead(503).end('<b>no</b>'))
      await once(silent.listen(0, '127.0.0.1'), 'listening')
      closing.push(() => silent.close())
      const { port } = silent.address() as AddressInfo
      members = [
        {
          node: 'activity-aa',
          endpoint: new URL(service.url).host,
          active: ['0_0', '0_1'],
          standby: ['0_2'],
        },
        { node: 'activity-bb', endpoint: new URL(other.url).host, active: ['0_2'], standby: ['0_0'] },
        { node: 'activity-cc', endpoint: `127.0.0.1:${port}`, active: [], standby: ['0_1'] },
      ]
      complaints = []
      page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
      page.on('console', message => void (message.type() === 'error' && complaints.push(message.text())))
      page.on('pageerror', error => void complaints.push(error.message))
      closing.push(() => page.close())
    })
    afterEach(async () => {
      for (const close of closing.splice(0).reverse()) await close()
    })

    const open = async (): Promise<void> => {
      first.advance(2_000)
      second.advance(1_000)
      await page.goto(`${service.url}/topology.html`)
      await shows('#nodes', /activity-aa[\s\S]*activity-bb[\s\S]*activity-cc/)
    }

    test('the drawing has the figures of all nodes, or of one', async () => {
      await open()
      expect(await page.locator('#topology .node').count()).toBe(10)
      const into = '#topology .node:has(title:text-is("motion (collect)")) .figure-line'
      await expect.poll(() => page.locator(into).textContent(), { timeout: 20_000 }).toBe('3,000 in, 7 late')
      await page.locator('#whose').selectOption('activity-bb')
      expect(await page.locator(into).textContent()).toBe('1,000 in, 2 late')
      await shows('#late', /^2$/)
      const lag = '#topology .node:has(title:text-is("readings (source)")) .figure-line'
      expect(await page.locator(lag).textContent()).toMatch(/^lag \d+$/)
      expect(await page.locator('#topology .edge.late').count()).toBe(1)
      await expect
        .poll(
          async () => {
            second.advance(25)
            return await page.locator('#topology .edge.active').count()
          },
          { timeout: 20_000 },
        )
        .toBeGreaterThan(4)
      expect(complaints).toEqual([])
    })

    test('a store stands just before what uses it, and nothing passes from it', async () => {
      const { nodes, edges } = first.status().topology
      first.change({
        topology: {
          nodes: [{ name: 'budget', kind: 'store', store: 'budget', subTopology: 0 }, ...nodes],
          edges: [...edges, { from: 'budget', to: 'confidence', output: 'out', total: 0 }],
        },
      })
      await page.goto(`${service.url}/topology.html`)
      const box = (name: string) => page.locator(`#topology .node:has(title:text-is("${name}")) rect`)
      await box('budget (store)').waitFor()
      expect(await box('budget (store)').getAttribute('x')).toBe(
        await box('score (mapBatch)').getAttribute('x'),
      )
      const figure = page.locator('#topology .node:has(title:text-is("budget (store)")) .figure-line')
      expect(await figure.textContent()).toBe('')
      expect(await page.locator('#topology .rate').last().textContent()).toBe('')
    })

    test('tasks are told by node, with what standbys lack and what is restored', async () => {
      await open()
      await shows('#tasks', /0_0\s+activity-aa\s+\d+\s+activity-bb: –/)
      // What the group alone tells of it.
      await shows('#tasks', /0_1\s+activity-aa\s+\d+\s+activity-cc: –/)
      await shows('#tasks', /0_2\s+activity-bb\s+\d+\s+activity-aa: 120/)
      // A partition of the input whose task nobody has.
      await shows('#tasks', /0_3\s+nobody/)
      await shows('#tasks', /0_10\s+begins on activity-bb\s+–\s+none\s+motion: 4,000 left/)
      expect(await page.locator('#tasks progress').getAttribute('value')).toBe('0')
      second.change({
        work: { tasks: ['0_2'], standbys: [], restoring: [{ task: '0_10', store: 'motion', left: 1_000 }] },
      })
      await shows('#tasks', /motion: 1,000 left/)
      expect(await page.locator('#tasks progress').getAttribute('value')).toBe('3000')
      expect(await page.locator('#tasks tr').allInnerTexts()).toHaveLength(5)
      await shows('#parts', /Sub-topology 0\s+ticker-watch-data\s+motion, release\s+activity-predictions/)
    })

    test('a node that does not answer is told, as text', async () => {
      await open()
      await shows('#nodes', /activity-aa\s+this one\s+127/)
      await shows('#nodes', /activity-bb\s+restoring\s+127/)
      await shows('#nodes', /activity-cc\s+127\.0\.0\.1:\d+ cannot be asked: it answered 503 <b>no<\/b>/)
      await service.close()
      await shows('#trouble', 'The node cannot be reached.')
    })

    test('readable in light and dark, and on a phone', async () => {
      await open()
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        expect(await page.evaluate(`${contrast}; weakTexts(4.5)`)).toEqual([])
        if (pictures !== undefined)
          await page.screenshot({ path: `${pictures}/topology-${colorScheme}.png`, fullPage: true })
      }
      await page.setViewportSize({ width: 400, height: 800 })
      await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(400)
      if (pictures !== undefined)
        await page.screenshot({ path: `${pictures}/topology-narrow.png`, fullPage: true })
      expect(complaints).toEqual([])
    })
  },
)
