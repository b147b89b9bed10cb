/** The door as a browser meets it: pages that sign in, pages of other sites, the page of the API. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Service, startService } from './server.ts'
import { chromiumUnavailable, executablePath, launchArguments } from './testing/chromium.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const unavailable = chromiumUnavailable()
/** A directory for screenshots, to look at by hand. */
const pictures = process.env.PICTURES

describe.skipIf(unavailable !== undefined)(
  `the door${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    let browser: Browser
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: launchArguments })
    })
    afterAll(() => browser?.close())

    const closing: (() => unknown)[] = []
    afterEach(async () => {
      for (const close of closing.splice(0).reverse()) await close()
    })

    async function service(token: string, rollback: () => void = () => {}): Promise<Service> {
      const started = await startService({
        port: 0,
        source: movingSource(Date.now),
        releases: {
          ...noReleases,
          switches: async () => [],
          rollback: async () => {
            rollback()
            return { name: 'watch', version: '1.0.0', status: 'promoted', reason: null }
          },
        },
        deadLetters: noLetters,
        annotations: noAnnotations,
        token,
        credentials: [{ role: 'viewer', name: 'vera', token: 'a-token-for-vera' }],
        logger: { error: () => {} },
      })
      closing.push(() => started.close())
      return started
    }

    async function page(): Promise<{ page: Page; complaints: string[] }> {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
      closing.push(() => page.close())
      const complaints: string[] = []
      page.on('console', message => void (message.type() === 'error' && complaints.push(message.text())))
      page.on('pageerror', error => void complaints.push(error.message))
      return { page, complaints }
    }

    test('the console asks for a token where it needs one, and goes on with it', async () => {
      const { url } = await service('own')
      const { page: console } = await page()
      await console.goto(url)
      const form = console.locator('form.sign-in')
      await form.waitFor()
      if (pictures !== undefined) await console.screenshot({ path: `${pictures}/sign-in.png` })
      await form.locator('input').fill('a-wrong-one')
      await form.locator('button').click()
      await expect.poll(() => form.locator('.bad').textContent()).toBe('This token is not the node’s.')
      await form.locator('input').fill('a-token-for-vera')
      await form.locator('button').click()
      await expect.poll(() => console.locator('#connection').textContent()).toBe('live')
      expect(await form.isVisible()).toBe(false)
      await console.reload()
      await expect.poll(() => console.locator('#connection').textContent()).toBe('live')
    })

    test('a token in the address signs in, and is taken out of it', async () => {
      const { url } = await service('own')
      const { page: console, complaints } = await page()
      await console.goto(`${url}/#token=a-token-for-vera`)
      await expect.poll(() => console.locator('#connection').textContent()).toBe('live')
      expect(console.url()).toBe(`${url}/`)
      await console.goto(`${url}/releases.html`)
      await expect.poll(() => console.locator('#in-force').textContent()).toBe('watch 1.0.0')
      expect(complaints).toEqual([])
      // A viewer is told that this is not theirs.
      await console.locator('#reason').fill('because')
      await console.locator('#rollback').click()
      await expect.poll(() => console.locator('#trouble').textContent()).toMatch(/needs the role operator/)
    })

    test('a page of another site reaches nothing, neither by forms nor by scripts', async () => {
      let rollbacks = 0
      const { url } = await service('own', () => void rollbacks++)
      const hostile = createServer((_request, response) => {
        response.setHeader('content-type', 'text/html')
        response.end(`<!doctype html><iframe name=frame></iframe>
        <form id=form method=post target=frame enctype=text/plain action="${url}/api/models/rollback">
        <input name='{"reason":"x","a":"' value='"}'></form>`)
      })
      await new Promise<void>(resolve => hostile.listen(0, '127.0.0.1', resolve))
      closing.push(() => hostile.close())
      const { page: elsewhere } = await page()
      const seen: (readonly [string, number])[] = []
      elsewhere.on('response', response => void seen.push([response.url(), response.status()]))
      await elsewhere.goto(`http://127.0.0.1:${(hostile.address() as AddressInfo).port}`)
      const outcomes = await elsewhere.evaluate(
        async ([url]) => {
          const tried = async (path: string, options: RequestInit): Promise<string> =>
            await fetch(`${url}${path}`, options).then(
              response => `${response.type} ${response.status}`,
              () => 'failed',
            )
          const body = JSON.stringify({ reason: 'x' })
          const bearer = { authorization: 'Bearer own' }
          return [
            await tried('/api/models/rollback', { method: 'POST', mode: 'no-cors', body }),
            await tried('/api/models/rollback', {
              method: 'POST',
              headers: { ...bearer, 'content-type': 'application/json' },
              body,
            }),
            await tried('/api/status', { headers: bearer }),
            await tried('/api/events', { mode: 'no-cors' }),
          ]
        },
        [url],
      )
      // Opaque or refused by the browser: in no case an answer that the page could read.
      expect(outcomes.filter(outcome => !/^(failed|opaque 0)$/.test(outcome))).toEqual([])
      await elsewhere.evaluate('document.getElementById("form").submit()')
      await expect.poll(() => seen.filter(([, status]) => status === 403).length).toBe(1)
      expect(seen.filter(([address, status]) => address.startsWith(url) && status < 400)).toEqual([])
      expect(rollbacks).toBe(0)
    })

    test('the page of the API shows the routes, loads nothing from elsewhere, and tries them out', async () => {
      const { url } = await service('own')
      const { page: docs, complaints } = await page()
      const foreign: string[] = []
      docs.on(
        'request',
        request =>
          void (
            !/^(data:|blob:)/.test(request.url()) &&
            !request.url().startsWith(url) &&
            foreign.push(request.url())
          ),
      )
      await docs.goto(`${url}/api/docs`)
      const rollback = docs.locator('.opblock', { hasText: '/api/models/rollback' })
      await rollback.waitFor()
      expect(await docs.locator('.opblock').count()).toBeGreaterThan(20)
      if (pictures !== undefined) await docs.screenshot({ path: `${pictures}/api-docs.png` })
      expect([foreign, complaints]).toEqual([[], []])

      const status = docs.locator('.opblock', { has: docs.locator('[data-path="/api/topology"]') })
      await status.locator('.opblock-summary').click()
      await status.locator('button.try-out__btn').click()
      await status.locator('button.execute').click()
      await expect.poll(() => status.locator('.live-responses-table').textContent()).toMatch(/UNAUTHORIZED/)
      await docs.locator('button.authorize').first().click()
      await docs.locator('.auth-container input').fill('a-token-for-vera')
      await docs.locator('.auth-btn-wrapper button.authorize').click()
      await docs.locator('.auth-btn-wrapper .btn-done').click()
      await status.locator('button.execute').click()
      await expect.poll(() => status.locator('.live-responses-table').textContent()).toMatch(/"readings"/)
      if (pictures !== undefined)
        await docs.screenshot({ path: `${pictures}/api-docs-tried.png`, fullPage: true })
    })
  },
)
