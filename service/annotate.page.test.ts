import { readFileSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AnnotationDesk } from '../processors/annotation/annotation-desk.ts'
import { topicSpecs, topics } from '../processors/topics.ts'
import { AnnotationRequest, avroSerdes, localRegistry } from '../schemas/index.ts'
import { systemTimers } from '../topology/index.ts'
import { type MemoryLog, memoryLog } from '../topology/log/memory/memory-log.ts'
import { type Service, startService } from './server.ts'
import { chromiumUnavailable, executablePath, launchArguments } from './testing/chromium.ts'
import { movingSource } from './testing/moving-source.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const START = Date.UTC(2026, 0, 1, 9)
const labels = ['walking', 'jogging', 'stairs', 'sitting', 'standing', 'typing', 'eating', 'writing']
const contrast = readFileSync(new URL('testing/contrast.js', import.meta.url), 'utf8').replace(
  'export function',
  'function',
)
/** Where pictures of the page go, to be looked at; none are made without it. */
const pictures = process.env.TICKERWATCH_PICTURES

/** A window of someone who walks; one sample of its acceleration is missing. */
function request(n: number): AnnotationRequest {
  const at = Array.from({ length: 50 }, (_, i) => i * 100)
  const wave = (height: number, period: number) =>
    at.map(time => (time === 2000 ? Number.NaN : height * Math.sin((time + 300 * n) / period)))
  return {
    deviceId: `watch-160${n % 5}`,
    windowStart: START + n * 2500,
    windowEnd: START + n * 2500 + 5000,
    samples: 50,
    label: 'walking',
    margin: n / 100,
    probabilities: [0.41, 0.39, 0.1, 0.04, 0.03, 0.02, 0.01, 0],
    features: [n, n % 3],
    modelName: 'watch',
    modelVersion: '1.0.0',
    featureSchemaHash: 'abc',
    arm: n === 3 ? 'random' : 'unsure',
    sampleTimes: at,
    signals: {
      userAccelerationX: wave(0.7, 90),
      userAccelerationY: wave(0.4, 45),
      userAccelerationZ: wave(0.2, 200),
      rotationRateX: wave(2, 100),
      rotationRateY: wave(1, 60),
      rotationRateZ: wave(0.5, 300),
      pitch: wave(0.5, 500),
      roll: wave(1.2, 700),
    },
  }
}

const reason = chromiumUnavailable()

describe.skipIf(reason !== undefined)(
  `the annotation page in Chromium${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    let browser: Browser
    let context: BrowserContext
    let log: MemoryLog
    let desk: AnnotationDesk
    let service: Service
    let page: Page
    let complaints: string[]
    const avro = avroSerdes(localRegistry())
    const requests = avro.value(topics.annotationRequests, AnnotationRequest)

    const text = async (selector: string): Promise<string> =>
      (await page.locator(selector).innerText()).trim()
    const shows = async (selector: string, expected: string | RegExp): Promise<void> => {
      await expect.poll(() => text(selector), { timeout: 20_000 }).toMatch(expected)
    }
    const ask = async (...asked: readonly AnnotationRequest[]): Promise<void> => {
      const producer = await log.producer({ clientId: 'test' })
      await producer.init()
      await producer.send(
        asked.map(each => ({
          topic: topics.annotationRequests,
          partition: 0,
          key: Buffer.from(each.deviceId),
          value: requests.serialize(each),
          timestamp: each.windowStart,
        })),
      )
      await producer.close()
      await desk.caughtUp()
    }
    const signIn = async (): Promise<void> => {
      await page.goto(`${service.url}/annotate.html`)
      await page.locator('#name').fill('Anna')
      await page.keyboard.press('Tab')
      await page.keyboard.type('secret')
      await page.keyboard.press('Enter')
    }
    const picture = async (name: string): Promise<void> => {
      if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true })
    }

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: launchArguments })
    })
    afterAll(() => browser?.close())
    beforeEach(async () => {
      log = memoryLog()
      await log.admin.createTopics(topicSpecs(1))
      let claims = 0
      desk = new AnnotationDesk({
        log,
        avro,
        clientId: 'desk',
        labels: () => labels,
        featureSchemaHash: 'abc',
        leastSamples: 25,
        newId: () => `claim ${claims++}`,
        timers: systemTimers,
        logger: { warn: () => {} },
      })
      await avro.register()
      await desk.start()
      service = await startService({
        port: 0,
        source: movingSource(Date.now),
        token: 'secret',
        releases: noReleases,
        deadLetters: noLetters,
        annotations: desk,
        logger: { error: () => {} },
      })
      complaints = []
      context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
      page = await context.newPage()
      page.on('pageerror', error => void complaints.push(error.message))
      page.on(
        'request',
        request => void (request.url().startsWith(service.url) || complaints.push(request.url())),
      )
    })
    afterEach(async () => {
      await context.close()
      await service.close()
      await desk.close()
      await log.close()
      expect(complaints).toEqual([])
    })

    test('the keyboard alone labels, gives up on, skips and takes back', async () => {
      await ask(...Array.from({ length: 6 }, (_, i) => request(i)))
      await signIn()
      await shows('#window-time', /^2026-01-01 09:00:00\.0$/)
      await shows('#waiting', /^6$/)
      await page.keyboard.press('2')
      await shows('#said', /^09:00:00\.0 of watch-1600: jogging$/)
      await shows('#mine', /^1$/)
      expect(desk.status()).toMatchObject({ labelled: 1, byLabel: { jogging: 1 }, byAnnotator: { Anna: 1 } })

      const second = await text('#window-time')
      await page.keyboard.press('x')
      await shows('#cannot-tell-count', /^1$/)
      const third = await text('#window-time')
      await page.keyboard.press('s')
      await shows('#said', /skipped$/)
      await expect.poll(() => text('#window-time')).not.toBe(third)
      expect(desk.status()).toMatchObject({ labelled: 1, cannotTell: 1 })

      const fourth = await text('#window-time')
      await page.keyboard.press('z')
      await shows('#window-time', third)
      await page.keyboard.press('z')
      await shows('#window-time', second)
      await shows('#cannot-tell-count', /^0$/)
      expect(desk.status()).toMatchObject({ labelled: 1, cannotTell: 0 })
      await page.keyboard.press('1')
      await shows('#window-time', third)
      await page.keyboard.press('1')
      await shows('#window-time', fourth)
      expect(desk.status().byLabel).toEqual({ jogging: 1, walking: 2 })
      // A key that means nothing here does nothing.
      await page.keyboard.press('9')
      await page.keyboard.press('Control+1')
      expect(desk.status().byLabel).toEqual({ jogging: 1, walking: 2 })
    })

    test('shows the signals, a gap where a sample is missing, and how probable each class is', async () => {
      await ask(request(3), request(1))
      await signIn()
      await shows('#window-device', /^watch-1601$/)
      expect(await page.locator('#signals svg').count()).toBe(3)
      expect(await page.locator('#signals path:not(.zero)').count()).toBe(8)
      const d = (await page.locator('#signals path.c0').first().getAttribute('d')) ?? ''
      expect([d.match(/M/g)?.length, d.match(/L/g)?.length]).toEqual([2, 47])
      expect(await page.locator('#signals svg').first().getAttribute('aria-label')).toMatch(
        /^Acceleration without gravity, G: x from −0\.7 to 0\.7; y from −0\.4 to 0\.4; z from −0\.2 to 0\.2$/,
      )
      expect(await page.locator('#labels li').allInnerTexts()).toEqual(
        ['41%', '39%', '10%', '4%', '3%', '2%', '1%', '0%'].map((share, i) =>
          expect.stringMatching(`^${i + 1}\\s+${labels[i]}\\s+${share}$`),
        ),
      )
      await page.keyboard.press('1')
      await shows('#window-arm', /^random check$/)
    })

    test('says when nothing waits, and shows what comes', async () => {
      await signIn()
      await shows('#nothing', /^Nothing waits/)
      await ask(request(1))
      await shows('#window-device', /^watch-1601$/)
    })

    test('a wrong token asks for the right one; one in the address is taken out of it', async () => {
      await ask(request(1))
      await page.goto(`${service.url}/annotate.html#token=wrong`)
      await page.locator('#name').fill('Anna')
      await page.keyboard.press('Enter')
      await shows('#trouble', /^This token is not the node’s\.$/)
      expect(page.url()).toBe(`${service.url}/annotate.html`)
      await page.locator('#token').fill('secret')
      await page.keyboard.press('Enter')
      await shows('#window-device', /^watch-1601$/)
      await shows('#trouble', /^$/)
    })

    test('two people are given different windows', async () => {
      await ask(request(1), request(2))
      await signIn()
      await shows('#window-device', /^watch-1601$/)
      const other = await browser.newContext()
      const first = page
      page = await other.newPage()
      await signIn()
      await shows('#window-device', /^watch-1602$/)
      await other.close()
      page = first
    })

    test('a finger is enough on a tablet, upright and lying, and nothing scrolls sideways', async () => {
      await ask(...Array.from({ length: 6 }, (_, i) => request(i)))
      await context.close()
      context = await browser.newContext({
        viewport: { width: 768, height: 1024 },
        hasTouch: true,
        isMobile: true,
      })
      page = await context.newPage()
      await signIn()
      await shows('#window-device', /^watch-1600$/)
      for (const viewport of [
        { width: 1024, height: 768 },
        { width: 768, height: 1024 },
      ]) {
        await page.setViewportSize(viewport)
        await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width)
        const small =
          await page.evaluate(`[...document.querySelectorAll('.answers button')].filter(button => {
          const { width, height } = button.getBoundingClientRect()
          return width < 48 || height < 44
        }).length`)
        expect(small).toBe(0)
        await picture(`tablet-${viewport.width}`)
      }
      await page.locator('#labels button').nth(3).tap()
      await shows('#said', /sitting$/)
      await page.locator('#undo').tap()
      await shows('#window-device', /^watch-1600$/)
      expect(desk.status().labelled).toBe(0)
    })

    test('dark and light have readable text', async () => {
      await ask(...Array.from({ length: 6 }, (_, i) => request(i)))
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        await signIn()
        await shows('#window-time', /2026/)
        await page.keyboard.press('4')
        await shows('#said', /sitting$/)
        expect(await page.evaluate(`${contrast}; weakTexts(4.5)`)).toEqual([])
        await picture(`annotate-${colorScheme}`)
        await page.evaluate('sessionStorage.clear(); localStorage.clear()')
      }
    })
  },
)
