import { readFileSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Service, startService } from './server.ts'
import { chromiumUnavailable, executablePath, launchArguments } from './testing/chromium.ts'
import { type MovingSource, movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

/** What runs in the page is given as text: it knows a DOM, and this program does not. */
const contrast = readFileSync(new URL('testing/contrast.js', import.meta.url), 'utf8').replace(
  'export function',
  'function',
)

const reason = chromiumUnavailable()

describe.skipIf(reason !== undefined)(
  `the console in Chromium${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    let browser: Browser
    let service: Service
    let source: MovingSource
    let page: Page
    /** Whatever the browser complained of. */
    let complaints: string[]

    const start = (port: number): Promise<Service> =>
      startService({
        port,
        source,
        token: 'secret',
        releases: noReleases,
        deadLetters: noLetters,
        annotations: noAnnotations,
        logger: { error: () => {} },
      })
    const text = async (selector: string): Promise<string> =>
      (await page.locator(selector).innerText()).trim()
    const shows = async (selector: string, expected: string | RegExp): Promise<void> => {
      await expect.poll(() => text(selector), { timeout: 20_000 }).toMatch(expected)
    }

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: launchArguments })
    })
    afterAll(() => browser?.close())
    beforeEach(async () => {
      source = movingSource(Date.now)
      service = await start(0)
      complaints = []
      page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
      page.on('console', message => void (message.type() === 'error' && complaints.push(message.text())))
      page.on('pageerror', error => void complaints.push(error.message))
      page.on(
        'request',
        request => void (request.url().startsWith(service.url) || complaints.push(request.url())),
      )
    })
    afterEach(async () => {
      await page.close()
      await service.close()
    })

    test('an idle node has an honest empty page', async () => {
      await page.goto(service.url)
      await shows('#connection', /^live$/)
      await shows('#readings', /^0$/)
      expect(await page.locator('#no-predictions').isVisible()).toBe(true)
      expect(await text('#swaps')).toBe('None since the node started.')
      expect(await text('body')).not.toMatch(/NaN|undefined|null|Infinity/)
      expect(complaints).toEqual([])
    })

    test('figures, predictions and the topology follow the node', async () => {
      await page.goto(service.url)
      await shows('#connection', /^live$/)
      source.advance(25)
      await shows('#last-predictions', /walking/)
      expect(await page.locator('#no-predictions').isVisible()).toBe(false)
      const bars = page.locator('#last-predictions .probabilities').first()
      expect(await bars.getAttribute('aria-label')).toBe('walking 45%, jogging 8%, stairs 8%')
      expect(await bars.locator('i').count()).toBe(8)

      source.advance(2_000)
      await shows('#readings', /^2,025$/)
      await shows('#windows', /^81$/)
      await shows('#sql-rows', /^81$/)
      await shows('#annotation-requests', /^1\d$/)
      await shows('#late', /^5$/)
      expect(await page.locator('#last-predictions tr').count()).toBe(50)
      expect(await text('#last-predictions tr:first-child')).toMatch(/walking\s+5\d\.\d%/)

      expect(await page.locator('#topology .node').count()).toBe(10)
      expect(await page.locator('#topology .edge title').first().textContent()).toBe('2,025 records in total')
      // Rates are only there while something moves.
      const rates = async (): Promise<string> => {
        source.advance(25)
        const onEdge = await page.locator('#topology .rate').first().textContent()
        const active = await page.locator('#topology .edge.active').count()
        return `${await text('#readings-per-second')}, ${onEdge}, ${active > 5}`
      }
      await expect.poll(rates, { timeout: 20_000 }).toMatch(/^[1-9][\d,.]*, [1-9][\d,.]*\/s, true$/)
      expect(await page.locator('#chart canvas').count()).toBe(1)
      expect(complaints).toEqual([])
    })

    test('a swap, a refused release and a paused sink show', async () => {
      await page.goto(service.url)
      await shows('#model-in-force', /^watch 1\.0\.0$/)
      expect(await text('#model-metrics')).toMatch(/Accuracy\s+71\.0%/)
      source.advance(500)
      source.swap()
      source.advance(250)
      await shows('#model-in-force', /^watch 1\.1\.0$/)
      await shows('#swaps', /^1\.1\.0 took over\s+at \d\d:\d\d:\d\d, \d+ s ago$/)
      await shows('#releases', /watch 1\.2\.0 refused\s+MODEL_INPUTS: takes 40 features instead of 46/)
      await shows('#versions', /1\.0\.0\s+20\s+1\.1\.0\s+10/)
      await shows('#last-predictions tr:first-child', /1\.1\.0$/)
      source.change({ sink: { target: 'postgres', rows: 20, lag: 10, paused: 'no answer' } })
      await shows('#sql-note', /^paused: no answer$/)
      expect(complaints).toEqual([])
    })

    test('a label of the log is text, never markup', async () => {
      source.advance(25)
      const [prediction] = source.status().lastPredictions
      source.change({
        lastPredictions: [
          {
            ...prediction!,
            label: '<img src=x onerror=alert(1)>',
            confidence: Number.NaN,
            margin: Number.NaN,
          },
        ],
      })
      await page.goto(service.url)
      await shows('#last-predictions', /<img src=x onerror=alert\(1\)>\s+–/)
      expect(await page.locator('#last-predictions img').count()).toBe(0)
    })

    test('a lost connection is said, and made again after a restart', async () => {
      await page.goto(service.url)
      source.advance(100)
      await shows('#readings', /^100$/)
      await service.close()
      await shows('#connection', /^connection lost, retrying$/)
      expect(await text('#readings')).toBe('100')
      source.advance(100)
      service = await start(Number(new URL(service.url).port))
      await shows('#connection', /^live$/)
      await shows('#readings', /^200$/)
    })

    test('dark and light have readable text', async () => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        await page.goto(service.url)
        source.advance(250)
        source.swap()
        await shows('#releases', /refused/)
        await shows('#last-predictions', /unsure/)
        expect(await page.evaluate(`${contrast}; weakTexts(4.5)`)).toEqual([])
        const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
        expect(background).toBe(colorScheme === 'dark' ? 'rgb(14, 20, 25)' : 'rgb(243, 245, 247)')
      }
    })

    test('a phone has no sideways scrolling, and the keyboard reaches what scrolls', async () => {
      await page.setViewportSize({ width: 390, height: 844 })
      source.advance(1_000)
      source.swap()
      await page.goto(service.url)
      await shows('#last-predictions', /walking/)
      await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(390)
      const focused: string[] = []
      for (let i = 0; i < 20; i++) {
        await page.keyboard.press('Tab')
        focused.push(
          await page.evaluate<string>(
            'document.activeElement.getAttribute("aria-labelledby") ?? document.activeElement.className',
          ),
        )
      }
      expect(focused).toEqual(expect.arrayContaining(['skip', 'topology-title', 'predictions-title']))
    })
  },
)
