import { readFileSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ReleaseDesk, releaseDesk } from '../processors/models/release-desk.ts'
import { ModelServing } from '../processors/models/serving.ts'
import { ANYONE, release, SCHEMA } from '../processors/models/testing/releases.ts'
import { topicSpecs } from '../processors/topics.ts'
import { avroSerdes, localRegistry } from '../schemas/index.ts'
import { memoryLog, systemTimers } from '../topology/index.ts'
import { type Service, startService } from './server.ts'
import { chromiumUnavailable, executablePath, launchArguments } from './testing/chromium.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'

const contrast = readFileSync(new URL('testing/contrast.js', import.meta.url), 'utf8').replace(
  'export function',
  'function',
)
/** Where pictures of the page go, to be looked at; none are made without it. */
const pictures = process.env.TICKERWATCH_PICTURES
const reason = chromiumUnavailable()

describe.skipIf(reason !== undefined)(
  `the page of releases in Chromium${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    const closing: (() => unknown)[] = []
    let browser: Browser
    let serving: ModelServing
    let desk: ReleaseDesk
    let service: Service
    let page: Page
    let complaints: string[]

    const text = async (selector: string): Promise<string> =>
      (await page.locator(selector).innerText()).trim()
    const shows = async (selector: string, expected: string | RegExp): Promise<void> => {
      await expect.poll(() => text(selector), { timeout: 20_000 }).toMatch(expected)
    }
    const row = (version: string): string => `#releases tr:has(th:text-is("watch ${version}"))`

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: launchArguments })
    })
    afterAll(() => browser?.close())

    /** A node that follows its releases and does nothing else: two are there, and the first is in force. */
    beforeEach(async () => {
      const log = memoryLog()
      await log.admin.createTopics(topicSpecs(1))
      const common = {
        log,
        avro: avroSerdes(localRegistry()),
        name: 'watch',
        schema: SCHEMA,
        trusted: ANYONE,
        clientId: 'test',
        timers: systemTimers,
      }
      serving = new ModelServing({ ...common, logger: { info: () => {}, warn: () => {} } })
      desk = releaseDesk({ ...common, history: serving.history, applicationId: 'test' })
      serving.start()
      await desk.publish(await release('1.0.0'), { promote: true, reason: 'the first' })
      await desk.publish(await release('1.1.0'), { promote: false })
      await serving.whenReady(60_000)
      await serving.history.caughtUp()
      const source = movingSource(Date.now)
      service = await startService({
        port: 0,
        source: {
          ...source,
          status: () => ({ ...source.status(), models: { ...serving.releases(), swaps: [] } }),
        },
        releases: desk,
        annotations: noAnnotations,
        deadLetters: noLetters,
        token: 'secret',
        logger: { error: () => {} },
      })
      complaints = []
      page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
      page.on('console', message => void (message.type() === 'error' && complaints.push(message.text())))
      page.on('pageerror', error => void complaints.push(error.message))
      closing.push(
        () => log.close(),
        () => serving.close(),
        () => service.close(),
        () => page.close(),
      )
      await page.goto(`${service.url}/releases.html`)
      await shows('#in-force', 'watch 1.0.0')
    })
    afterEach(async () => {
      for (const close of closing.splice(0).reverse()) await close()
    })

    test('a release is shadowed, promoted and rolled back, with token and reason, by keyboard', async () => {
      await shows(row('1.1.0'), /candidate.*nobody/s)
      await shows('#warnings', /No key is configured/)
      await page.locator('#token').fill('secret')
      await page.locator(`${row('1.1.0')} button:text-is("Shadow")`).press('Enter')
      await shows('#in-shadow', 'watch 1.1.0')
      await page.locator('#compare').press('Enter')
      await shows('#comparison', /Windows scored by 1.1.0 too\s+0/)

      await page.locator('#reason').fill('agrees with people')
      await page.locator(`${row('1.1.0')} button:text-is("Promote")`).press('Enter')
      await shows('#in-force', 'watch 1.1.0')
      await shows('#done', /^watch 1.1.0 is published as promoted.$/)
      await shows(row('1.1.0'), /in force.*agrees with people/s)
      await shows('#in-shadow', '–')

      await page.locator('#reason').fill('worse on stairs')
      await page.locator('#rollback').press('Enter')
      await shows('#in-force', 'watch 1.0.0')
      await shows(row('1.1.0'), /retired.*worse on stairs/s)
      expect(complaints).toEqual([])
    })

    test('without a reason, or with a wrong token, nothing is changed and it is said why', async () => {
      await page.locator('#token').fill('secret')
      await page.locator(`${row('1.1.0')} button:text-is("Promote")`).click()
      await shows('#trouble', /Say why/)
      await page.locator('#reason').fill('because')
      await page.locator('#token').fill('wrong')
      await page.locator(`${row('1.1.0')} button:text-is("Promote")`).click()
      await shows('#trouble', /token is not the node/)
      await page.locator('#token').fill('secret')
      await page.locator('#rollback').click()
      await shows('#trouble', /nothing to go back to/)
      expect(serving.history.events).toHaveLength(2)
    })

    test('a refused release is shown with its reason, as text', async () => {
      serving.history.refuse('<b>9</b>', new Error('<img src=x onerror=alert(1)>'))
      await shows('#refused', /watch <b>9<\/b> MODEL_UNLOADABLE\s+<img src=x/)
      await shows('#refusals', '1')
    })

    test('dark and light have readable text, and a narrow page does not scroll sideways', async () => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        expect(await page.evaluate(`${contrast}; weakTexts(4.5)`)).toEqual([])
        if (pictures !== undefined) await page.screenshot({ path: `${pictures}/releases-${colorScheme}.png` })
      }
      await page.setViewportSize({ width: 420, height: 900 })
      await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(420)
    })
  },
)
