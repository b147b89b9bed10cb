import { readdirSync, readFileSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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
const files = readdirSync(new URL('page', import.meta.url)).filter(name => name.endsWith('.html'))
const reason = chromiumUnavailable()

describe.skipIf(reason !== undefined)(
  `the way between pages in Chromium${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    let browser: Browser
    let service: Service

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: launchArguments })
      service = await startService({
        port: 0,
        source: movingSource(Date.now),
        token: 'secret',
        releases: noReleases,
        deadLetters: noLetters,
        annotations: noAnnotations,
        logger: { error: () => {} },
      })
    })
    afterAll(async () => {
      await browser?.close()
      await service?.close()
    })

    test('every page is reached from every page, and says which it is', async () => {
      const page = await browser.newPage()
      for (const file of files) {
        await page.goto(`${service.url}/${file}`)
        const links = page.locator('#navigation a')
        await expect.poll(() => links.count()).toBe(files.length)
        const hrefs = await links.evaluateAll(all => all.map(each => each.getAttribute('href')))
        expect(hrefs.map(href => (href === './' ? 'index.html' : href)).sort()).toEqual(files.toSorted())
        const current = page.locator('#navigation [aria-current="page"]')
        expect(await current.getAttribute('href')).toBe(file === 'index.html' ? './' : file)
      }
      await page.locator('#navigation a').first().press('Enter')
      await expect.poll(() => page.url()).toBe(`${service.url}/`)
      await page.close()
    })

    test.each(files)('%s: the way is seen on a phone, in light and dark', async file => {
      const page = await browser.newPage({ viewport: { width: 400, height: 800 } })
      await page.goto(`${service.url}/${file}`)
      const current = page.locator('#navigation [aria-current="page"]')
      await current.waitFor()
      const box = (await current.boundingBox())!
      expect(box.x).toBeGreaterThanOrEqual(0)
      expect(box.x + box.width).toBeLessThanOrEqual(400)
      await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(400)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        expect(await page.evaluate(`${contrast}; weakTexts(4.5)`)).toEqual([])
        if (pictures !== undefined)
          await page.screenshot({ path: `${pictures}/navigation-${file}-${colorScheme}.png` })
      }
      await page.close()
    })
  },
)
