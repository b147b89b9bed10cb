import { readFileSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type LabelledWindow, measureAccuracy } from '../processors/annotation/accuracy.ts'
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
/** Where pictures of the page go, to be looked at; none are made without it. */
const pictures = process.env.TICKERWATCH_PICTURES
const reason = chromiumUnavailable()
const labels = ['walking', 'jogging', 'stairs', 'sitting', 'standing', 'typing', 'writing', 'eating']
const START = Date.UTC(2026, 2, 1)

/** The n-th of some that look like what people say: most right, neighbours confused, 1.0.0 worse than 2.0.0. */
function window(n: number, changes: Partial<LabelledWindow> = {}): LabelledWindow {
  const confidence = 0.35 + ((n * 37) % 64) / 100
  const isRight = ((n * 61) % 100) / 100 < confidence
  const at = (n + Math.floor(n / 4) * 3) % labels.length
  return {
    label: labels[at]!,
    predicted: labels[isRight ? at : (at + 1) % labels.length]!,
    confidence,
    arm: n % 4 === 0 ? 'random' : 'unsure',
    modelName: 'watch',
    modelVersion: n % 3 === 0 ? '1.0.0' : '2.0.0',
    windowStart: START + n * 400_000,
    ...changes,
  }
}

describe.skipIf(reason !== undefined)(
  `the page of accuracy in Chromium${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    let browser: Browser
    let service: Service
    let page: Page
    let complaints: string[]
    let windows: LabelledWindow[]

    const shows = async (selector: string, expected: string | RegExp): Promise<void> => {
      const text = async () => (await page.locator(selector).innerText()).trim()
      await expect.poll(text, { timeout: 20_000 }).toMatch(expected)
    }

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: launchArguments })
    })
    afterAll(() => browser?.close())

    beforeEach(async () => {
      windows = Array.from({ length: 1600 }, (_, n) => window(n))
      service = await startService({
        port: 0,
        source: movingSource(Date.now),
        releases: noReleases,
        annotations: { ...noAnnotations, accuracy: question => measureAccuracy(windows, question) },
        deadLetters: noLetters,
        token: 'secret',
        logger: { error: () => {} },
      })
      complaints = []
      page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
      page.on('console', message => void (message.type() === 'error' && complaints.push(message.text())))
      page.on('pageerror', error => void complaints.push(error.message))
    })
    afterEach(async () => {
      await page.close()
      await service.close()
    })
    const open = () => page.goto(`${service.url}/accuracy.html`)

    test('the random arm comes first; of a release, by day and of what was asked about by choice', async () => {
      await open()
      const all = measureAccuracy(windows, { by: 'hour' })
      const share = ({ right, windows }: { right: number; windows: number }) =>
        `${((100 * right) / windows).toFixed(1)}%`
      await shows('#accuracy', share(all.randomArm))
      await shows('#random-count', '400')
      await shows('#caution', /^$/)
      await shows('#classes', /walking/)
      const one = measureAccuracy(windows, { by: 'day', release: { name: 'watch', version: '1.0.0' } })
      await page.locator('#release').selectOption({ value: 'watch\n1.0.0' })
      await shows('#accuracy', share(one.randomArm))
      await page.locator('#arm').selectOption('queried')
      await shows('#accuracy', share(one.queried))
      await shows('#caution', /biased/)
      await page.locator('#by').selectOption('hour')
      await expect.poll(() => page.locator('#over-time canvas').count()).toBe(1)
      expect(await page.locator('#calibration rect').count()).toBeGreaterThan(8)
      expect(complaints).toEqual([])
    })

    test('with few labels or none it says so, and shows no figure that is not there', async () => {
      windows = []
      await open()
      await shows('#accuracy-note', 'no labels yet')
      for (const id of ['accuracy', 'macro-f1', 'calibration-error']) await shows(`#${id}`, /^–$/)
      await shows('#no-time', /Nothing is labelled yet/)
      windows = [window(0, { confidence: null, label: '<b>x</b>', predicted: 'walking' })]
      await shows('#caution', /Only 1 labels? so far/)
      await shows('#accuracy', '0.0%')
      await shows('#error-note', 'no label was kept with its probability')
      await shows('#classes', /<b>x<\/b>/)
      // One day alone is drawn about that day.
      const [low, high] = await page.evaluate<[number, number]>(
        `import('./over-time.js').then(({ shownSpan }) => shownSpan())`,
      )
      expect([low < START / 1000, high - low]).toEqual([true, 6 * 86_400])
      expect(complaints).toEqual([])
    })

    test('dark and light have readable text, and a narrow page does not scroll sideways', async () => {
      await open()
      await shows('#random-count', '400')
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        expect(await page.evaluate(`${contrast}; weakTexts(4.5)`)).toEqual([])
        if (pictures !== undefined)
          await page.screenshot({ path: `${pictures}/accuracy-${colorScheme}.png`, fullPage: true })
      }
      await page.setViewportSize({ width: 400, height: 900 })
      await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(400)
      if (pictures !== undefined)
        await page.screenshot({ path: `${pictures}/accuracy-narrow.png`, fullPage: true })
    })
  },
)
