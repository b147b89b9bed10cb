import { readFileSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { deadLetterDesk, valueDecoder } from '../processors/dead-letter-desk.ts'
import { applicationId, topicSpecs, topics } from '../processors/topics.ts'
import { avroSerdes, localRegistry } from '../schemas/index.ts'
import { type DeadLetter, deadLetterRecord, deadLetterTopic, RecordCursor } from '../topology/index.ts'
import { type MemoryLog, memoryLog } from '../topology/log/memory/memory-log.ts'
import { type Service, startService } from './server.ts'
import { chromiumUnavailable, executablePath, launchArguments } from './testing/chromium.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noReleases } from './testing/no-releases.ts'

const contrast = readFileSync(new URL('testing/contrast.js', import.meta.url), 'utf8').replace(
  'export function',
  'function',
)
/** Where pictures of the page go, to be looked at; none are made without it. */
const pictures = process.env.TICKERWATCH_PICTURES
const reason = chromiumUnavailable()
const NOW = Date.UTC(2026, 2, 1, 12)

function letter(n: number, changes: Partial<DeadLetter> = {}): DeadLetter {
  return {
    topic: topics.readings,
    partition: n % 2,
    offset: 40 + n,
    key: Buffer.from(`watch-${n}`),
    value: Buffer.from([0, 0, 0, 0, 7, n, 255, 65, 66]),
    timestamp: NOW - 60_000,
    headers: [['trace', Buffer.from(`<b>${n}</b>`)]],
    code: 'WIRE_SCHEMA_UNKNOWN',
    message: 'there is no schema 7',
    stage: 'decode',
    operator: 'readings',
    application: applicationId,
    time: NOW + n * 1000,
    error: new TypeError('<img src=x onerror=alert(1)>'),
    ...changes,
  }
}

describe.skipIf(reason !== undefined)(
  `the page of dead letters in Chromium${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    let browser: Browser
    let log: MemoryLog
    let service: Service
    let page: Page
    let complaints: string[]

    const text = async (selector: string): Promise<string> =>
      (await page.locator(selector).innerText()).trim()
    const shows = async (selector: string, expected: string | RegExp): Promise<void> => {
      await expect.poll(() => text(selector), { timeout: 20_000 }).toMatch(expected)
    }
    /** Markers of transactions have offsets too, and are none. */
    const records = async (topic: string): Promise<number> => {
      const reader = await log.reader({ clientId: 'count' })
      for (const { partition, start } of await log.admin.offsets(topic))
        reader.seek({ topic, partition }, start)
      let count = 0
      for (const batch of await reader.poll(0))
        for (const cursor = new RecordCursor().reset(batch, 0); cursor.next(); ) count++
      await reader.close()
      return count
    }

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: launchArguments })
    })
    afterAll(() => browser?.close())

    /** Six readings that nobody could decode, a row that was none, and a letter from a topic that is gone. */
    beforeEach(async () => {
      log = memoryLog()
      await log.admin.createTopics([
        ...topicSpecs(2),
        { topic: deadLetterTopic(applicationId), partitions: 1 },
      ])
      const producer = await log.producer({ clientId: 'test' })
      await producer.init()
      const letters = [
        ...Array.from({ length: 6 }, (_, n) => letter(n)),
        letter(6, { partition: -1, offset: -1, code: 'ROW_CELLS_MISCOUNTED', value: Buffer.from('a,b') }),
        letter(7, { topic: 'gone', code: 'PROCESS_FAILED', stage: 'process', operator: 'score' }),
      ]
      await producer.send(letters.map(each => deadLetterRecord(each, deadLetterTopic(applicationId))))
      await producer.close()
      service = await startService({
        port: 0,
        source: movingSource(Date.now),
        releases: noReleases,
        annotations: noAnnotations,
        deadLetters: deadLetterDesk({
          log,
          applicationId,
          clientId: 'test',
          decode: valueDecoder(avroSerdes(localRegistry())),
          now: () => NOW,
        }),
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
      await log.close()
    })
    const open = (query = '') => page.goto(`${service.url}/dead-letters.html${query}#token=secret`)

    test('letters are counted, filtered and inspected, with what they hold as text', async () => {
      await open()
      await shows('#total', '8')
      await shows('#counts', /WIRE_SCHEMA_UNKNOWN.*6/s)
      await page.locator('#counts button', { hasText: 'WIRE_SCHEMA_UNKNOWN' }).press('Enter')
      await shows('#total', '6')
      expect(page.url()).toMatch(/code=WIRE_SCHEMA_UNKNOWN/)
      await page.locator('#letters button').first().press('Enter')
      await shows('#letter-title', 'Letter 5: WIRE_SCHEMA_UNKNOWN')
      await shows('#value', /^00000000 {2}00 00 00 00 07 05 ff 41 42 +\|\.{7}AB\|$/)
      await shows('#key', 'watch-5')
      await shows('#headers', /trace\s+<b>5<\/b>/)
      await shows('#stack', /TypeError.*<img src=x/s)
      await shows('#decoded', /cannot be decoded/)
      await page.locator('#all').press('Enter')
      await shows('#total', '8')
      expect(complaints).toEqual([])
    })

    test('a replay is tried first, then confirmed, and goes once', async () => {
      await open('?code=WIRE_SCHEMA_UNKNOWN')
      await shows('#total', '6')
      expect(await page.locator('#replay').isVisible()).toBe(false)
      await page.locator('#try').press('Enter')
      await shows('#outcome', /6 letters would be replayed.*Nothing is written yet/)
      expect(await records(topics.readings)).toBe(0)
      // Another filter is another question.
      await page.locator('#code').fill('other')
      await expect.poll(() => page.locator('#replay').isVisible()).toBe(false)
      await page.locator('#code').fill('WIRE_SCHEMA_UNKNOWN')
      await page.locator('#try').press('Enter')
      // Its words are still there from the first try; that it is shown is what says that this one was answered.
      await expect.poll(() => page.locator('#replay').isVisible()).toBe(true)
      await shows('#replay', 'Replay 6 letters')
      await page.keyboard.press('Enter')
      await shows('#outcome', /^6 letters replayed/)
      await expect.poll(() => records(topics.readings)).toBe(6)
      await shows('#replayed', '6')
      await page.locator('#try').press('Enter')
      await shows('#outcome', /0 letters would be replayed, 6 were before/)
      expect(await page.locator('#replay').isVisible()).toBe(false)
      expect(complaints).toEqual([])
    })

    test('an answer to a try that comes after its filter was changed is not shown', async () => {
      await open('?code=WIRE_SCHEMA_UNKNOWN')
      await shows('#total', '6')
      let answer = (): void => {}
      const held = new Promise<void>(resolve => {
        answer = resolve
      })
      await page.route('**/api/dead-letters/replay', async route => {
        const response = await route.fetch()
        await held
        await route.fulfill({ response })
      })
      const busy = (): Promise<string | null> => page.locator('#main').getAttribute('aria-busy')
      await page.locator('#try').press('Enter')
      await expect.poll(busy).toBe('true')
      await page.locator('#code').fill('other')
      answer()
      await expect.poll(busy).toBe(null)
      expect(await page.locator('#replay').isVisible()).toBe(false)
      await shows('#outcome', /^$/)
    })

    test('one letter is replayed by itself; what cannot be is said with the reason', async () => {
      await open()
      await shows('#total', '8')
      await page.locator('#letters button:text-is("2")').click()
      await page.locator('#try-this').click()
      await shows('#outcome', /^Of letter 2: 1 letter would be replayed/)
      await page.locator('#replay').click()
      await shows('#outcome', /^1 letter replayed/)
      await expect.poll(() => records(topics.readings)).toBe(1)
      await page.locator('#try').click()
      await shows('#refused', /1 letter cannot be replayed: .*gone/)
    })

    test('without a token it is asked for, and a wrong one is said', async () => {
      await page.goto(`${service.url}/dead-letters.html`)
      await page.locator('.sign-in input').fill('wrong')
      await page.keyboard.press('Enter')
      await shows('.sign-in', /not the node/)
      await page.locator('.sign-in input').fill('secret')
      await page.keyboard.press('Enter')
      await shows('#total', '8')
    })

    test('dark and light have readable text, and a narrow page does not scroll sideways', async () => {
      await open()
      await shows('#total', '8')
      await page.locator('#letters button').first().click()
      await shows('#letter-title', /Letter 7/)
      await page.locator('#try').click()
      await shows('#outcome', /would be/)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        expect(await page.evaluate(`${contrast}; weakTexts(4.5)`)).toEqual([])
        if (pictures !== undefined)
          await page.screenshot({ path: `${pictures}/dead-letters-${colorScheme}.png`, fullPage: true })
      }
      await page.setViewportSize({ width: 400, height: 900 })
      await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(400)
      if (pictures !== undefined)
        await page.screenshot({ path: `${pictures}/dead-letters-narrow.png`, fullPage: true })
    })
  },
)
