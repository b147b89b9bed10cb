import { readFileSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { logDesk } from '../processors/log-desk/log-desk.ts'
import { topicSpecs, topics } from '../processors/topics.ts'
import { anyRecords, avroSerdes, localRegistry, Prediction, SensorReading } from '../schemas/index.ts'
import { type Log, memoryLog, type Producer, systemTimers } from '../topology/index.ts'
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
const noon = Date.UTC(2020, 2, 1, 12)

describe.skipIf(reason !== undefined)(
  `the pages of topics, groups and schemas in Chromium${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    const closing: (() => unknown)[] = []
    const registry = localRegistry()
    const avro = avroSerdes(registry)
    const readings = avro.value(topics.readings, SensorReading)
    avro.value(topics.predictions, Prediction)
    let browser: Browser
    let log: Log
    let producer: Producer
    let service: Service
    let page: Page
    let complaints: string[]

    const text = async (selector: string): Promise<string> =>
      (await page.locator(selector).innerText()).trim()
    const shows = async (selector: string, expected: string | RegExp): Promise<void> => {
      await expect.poll(() => text(selector), { timeout: 20_000 }).toMatch(expected)
    }
    const rows = (selector: string): Promise<number> => page.locator(`${selector} tr`).count()
    const picture = async (name: string): Promise<void> => {
      if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true })
    }

    /** One of a watch, so many seconds after noon. */
    function reading(watch: number, second: number) {
      const nothing = Object.fromEntries(
        (SensorReading.schema as { fields: { name: string }[] }).fields.map(({ name }) => [name, null]),
      )
      const value = {
        ...nothing,
        deviceId: `watch-${watch}`,
        stamp: noon + 1_000 * second,
        pitch: second / 100,
      } as SensorReading
      return {
        topic: topics.readings,
        partition: watch % 3,
        key: Buffer.from(value.deviceId),
        value: readings.serialize(value),
        timestamp: value.stamp,
      }
    }

    beforeAll(async () => {
      await avro.register()
      browser = await chromium.launch({ executablePath, args: launchArguments })
    })
    afterAll(() => browser?.close())

    beforeEach(async () => {
      log = memoryLog()
      await log.admin.createTopics(topicSpecs(3))
      await log.admin.createTopics([
        { topic: 'activity-release-changelog', partitions: 3, config: { 'cleanup.policy': 'compact' } },
      ])
      producer = await log.producer({ clientId: 'writer', transactionalId: 'writer' })
      await producer.init()
      producer.begin()
      await producer.send(Array.from({ length: 90 }, (_, n) => reading(1600 + (n % 6), n)))
      await producer.send([
        {
          topic: topics.annotationRequests,
          partition: 0,
          key: null,
          value: Buffer.from('{"a": {"b": [1, 2]}}'),
          timestamp: noon,
        },
        {
          topic: topics.annotationRequests,
          partition: 0,
          key: Buffer.from([0, 255]),
          value: Buffer.from([0, 0, 0, 0, 9, 1, 2]),
          timestamp: noon + 1,
        },
        {
          topic: topics.annotationRequests,
          partition: 0,
          key: Buffer.from('markup'),
          value: Buffer.from('<img src=x onerror=alert(1)>'),
          timestamp: noon + 2,
          headers: [['<b>trace</b>', Buffer.from('x')]],
        },
        {
          topic: topics.annotationRequests,
          partition: 0,
          key: Buffer.from('gone'),
          value: null,
          timestamp: noon + 3,
        },
      ])
      await producer.commit()
      const consumer = await log.consumer({
        group: 'activity',
        clientId: 'activity-4ab9-1',
        topics: [topics.readings],
        assignor: ([member]) =>
          new Map([[member!.memberId, [0, 1, 2].map(partition => ({ topic: topics.readings, partition }))]]),
        onAssigned: () => {},
      })
      await consumer.poll(0)
      await consumer.commit([0, 1].map(partition => ({ topic: topics.readings, partition, position: 20 })))
      await log.admin.setPositions('feature-store', [
        { topic: topics.readings, partition: 0, position: 10 },
        { topic: topics.annotations, partition: 0, position: 0 },
      ])
      service = await startService({
        port: 0,
        source: movingSource(Date.now),
        releases: noReleases,
        annotations: noAnnotations,
        deadLetters: noLetters,
        log: logDesk({ log, decode: anyRecords(registry, Date.now), clientId: 'desk', timers: systemTimers }),
        subjects: registry,
        token: 'secret',
        logger: { error: () => {} },
      })
      complaints = []
      page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
      page.on('console', message => void (message.type() === 'error' && complaints.push(message.text())))
      page.on('pageerror', error => void complaints.push(error.message))
      closing.push(
        () => log.close(),
        () => service.close(),
        () => page.close(),
      )
    })
    afterEach(async () => {
      for (const close of closing.splice(0).reverse()) await close()
    })

    const openTopic = (topic: string, query = ''): Promise<unknown> =>
      page.goto(`${service.url}/topics.html?topic=${topic}${query}#token=secret`)

    test('topics are listed, and found by a part of their name', async () => {
      await page.goto(`${service.url}/topics.html#token=secret`)
      await shows('#topics', /ticker-watch-data\s+3\s+93\s+[\d.]+ kB\s+delete/)
      await shows('#topics', /activity-release-changelog\s+3\s+0\s+0 B\s+compact/)
      expect(await page.locator('#topic').isVisible()).toBe(false)
      await page.locator('#filter').fill('WATCH')
      expect(await rows('#topics')).toBe(2)
      await page.locator('#filter').fill('nothing like it')
      expect(await page.locator('#no-topics').isVisible()).toBe(true)
      await page.locator('#filter').fill('')
      await page.locator('#topics a:text-is("ticker-watch-data")').press('Enter')
      await shows('#partition-rows', /0\s+0\s+31\s+31/)
      await shows('#own-settings', /retention\.ms\s+-1/)
      expect(complaints).toEqual([])
    })

    test('records need the token, which is asked for once', async () => {
      await page.goto(`${service.url}/topics.html?topic=ticker-watch-data`)
      await page.locator('.sign-in input').fill('wrong')
      await page.keyboard.press('Enter')
      await shows('.sign-in .bad', /not the node/)
      await page.locator('.sign-in input').fill('secret')
      await page.keyboard.press('Enter')
      await shows('#looked', /^50 found/)
      expect(await page.locator('.sign-in').isVisible()).toBe(false)
    })

    test('records are decoded, and found by key, offset and time', async () => {
      await openTopic(topics.readings)
      await shows('#looked', /^50 found: as many as asked for\. Looked at /)
      expect(page.url()).not.toContain('secret')
      await shows('#found-records tr:first-child', /2\s+30|1\s+2\d|0\s+2\d/)
      await page.locator('#found-records summary').first().press('Enter')
      await shows(
        '#found-records details[open]',
        /avro, \d+ B, schema \d+[\s\S]*"deviceId": "watch-1605"[\s\S]*"pitch": 0\.89/,
      )

      await page.locator('#key').fill('watch-1603')
      await page.locator('#from').selectOption('oldest')
      await page.locator('#key').press('Enter')
      await shows('#looked', /^15 found: that is all there is/)
      await shows('#found-records tr:first-child', /12:00:03\.000\s+watch-1603/)

      await page.locator('#key').fill('')
      await page.locator('#from').selectOption('time')
      await page.locator('#start').click()
      await shows('#search-trouble', 'Say at which time')
      await page.locator('#time').fill('2020-03-01T12:01:26')
      await page.locator('#start').click()
      await shows('#looked', /^4 found/)

      await page.locator('#from').selectOption('offset')
      await page.locator('#offset').fill('10')
      await page.locator('#partition').selectOption('1')
      await page.locator('#limit').selectOption('20')
      await page.locator('#start').click()
      await shows('#looked', /^20 found/)
      expect(await rows('#found-records')).toBe(20)
      expect(page.url()).toMatch(/from=offset&offset=10&partition=1/)

      await page.locator('#offset').fill('1000')
      await page.locator('#start').click()
      await shows(
        '#search-trouble',
        /there is no offset 1000 of ticker-watch-data: partitions end here: 1 at 31/,
      )
      await page.locator('#from').selectOption('newest')
      await page.locator('#key').fill('xyz')
      await page.locator('#key-format').selectOption('keyHex')
      await page.locator('#start').click()
      await shows('#search-trouble', '"xyz" is not hexadecimal')
    })

    test('a search goes on where it ended', async () => {
      await openTopic(topics.readings, '&from=oldest')
      await shows('#looked', /^50 found: as many as asked for/)
      await page.locator('#more').press('Enter')
      await shows('#looked', /^40 found: that is all there is/)
      expect(await page.locator('#more').isVisible()).toBe(false)
    })

    test('what cannot be decoded is shown as it is, and nothing of it is markup', async () => {
      await openTopic(topics.annotationRequests)
      await shows('#looked', /^4 found/)
      await shows('#found-records', /not decoded\s+0x00000000090102/)
      await shows('#found-records', /0x00ff/)
      await shows('#found-records', /null: a deletion/)
      await shows('#found-records', /<img src=x onerror=alert\(1\)>/)
      for (const each of await page.locator('#found-records summary').all()) await each.click()
      await shows('#found-records', /WIRE_SCHEMA_UNKNOWN: there is no schema 9/)
      await shows('#found-records', /header <b>trace<\/b>: x/)
      await shows('#found-records', /"b": \[\s+1,\s+2\s+\]/)
      expect(await page.locator('#found-records img, #found-records b').count()).toBe(0)
      expect(complaints).toEqual([])
      await picture('records-open')
    })

    test('live, what is written appears, and what is aborted does not', async () => {
      await openTopic(topics.readings)
      await shows('#looked', /^50 found/)
      await page.locator('#live').press('Enter')
      await shows('#looked', /^live$/)
      producer.begin()
      await producer.send([reading(1777, 100)])
      await producer.abort()
      producer.begin()
      await producer.send([reading(1888, 200)])
      await producer.commit()
      await shows('#found-records tr:first-child', /12:03:20\.000\s+watch-1888/)
      expect(await text('#found-records')).not.toContain('watch-1777')
      expect(await page.locator('#live').getAttribute('aria-pressed')).toBe('true')
      await page.locator('#live').press('Enter')
      await shows('#live', 'Follow live')
    })

    test('a topic that is not there is said', async () => {
      await openTopic('missing')
      await shows('#trouble', 'there is no topic missing')
    })

    test('groups are listed with their lag, and shown with members and positions', async () => {
      await page.goto(`${service.url}/groups.html`)
      await shows('#groups', /activity\s+Stable\s+1\s+22 \(1 unknown\)\s+ticker-watch-data/)
      await shows('#groups', /feature-store\s+Empty\s+0\s+21\s+annotations, ticker-watch-data/)
      await picture('groups-light')
      await page.locator('#groups a:text-is("activity")').press('Enter')
      await shows(
        '#member-rows',
        /activity-4ab9-1\s+this process\s+3\s+22 \(1 unknown\)\s+ticker-watch-data 0–2/,
      )
      await shows('#position-rows', /ticker-watch-data\s+0\s+20\s+31\s+11\s+activity-4ab9-1/)
      await shows('#position-rows', /ticker-watch-data\s+2\s+never\s+31\s+–/)
      await page.goto(`${service.url}/groups.html?group=missing`)
      await shows('#trouble', 'there is no group missing')
    })

    test('schemas are listed by subject, and shown with versions', async () => {
      await page.goto(`${service.url}/schemas.html`)
      await page.locator('#subject-list a:text-is("ticker-watch-data-value")').press('Enter')
      await shows(
        '#versions',
        /Version 1\s+id \d+, tickerwatch\.SensorReading, \d+ fields\s+\{\s+"type": "record"/,
      )
      await shows('#compatibility', 'nothing is checked')
      await page.goto(`${service.url}/schemas.html?subject=missing`)
      await shows('#trouble', 'the registry has no subject missing')
    })

    test.each([
      ['topics', 'topics.html', '#topics', /ticker-watch-data/],
      ['topic', 'topics.html?topic=ticker-watch-data#token=secret', '#looked', /found/],
      ['groups', 'groups.html', '#groups', /Stable/],
      ['group', 'groups.html?group=activity', '#member-rows', /ticker-watch-data/],
      ['schemas', 'schemas.html', '#subject-list', /ticker-watch-data/],
      ['schema', 'schemas.html?subject=ticker-watch-data-value', '#versions', /Version 1/],
    ])('%s: readable in light and dark, and on a phone', async (name, path, selector, shown) => {
      await page.goto(`${service.url}/${path}`)
      await shows(selector, shown)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        expect(await page.evaluate(`${contrast}; weakTexts(4.5)`)).toEqual([])
        await picture(`${name}-${colorScheme}`)
      }
      await page.setViewportSize({ width: 400, height: 800 })
      await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(400)
      await picture(`${name}-narrow`)
      expect(complaints).toEqual([])
    })
  },
)
