/** `tickerwatch doctor` on a real Kafka: well, with topics that would lose data, with clocks apart, with nobody there. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { applicationId, topics } from '../processors/topics.ts'
import { type Scratch, scratch } from '../test/node-process.ts'
import { tickerwatch } from '../test/tickerwatch.ts'
import { brokerUnavailable } from '../topology/log/kafka/broker/distribution.ts'
import { startTemporaryBroker, type TemporaryBroker } from '../topology/log/kafka/broker/temporary-broker.ts'
import { inspectCluster } from '../topology/log/kafka/inspection.ts'
import { kafkaLog } from '../topology/log/kafka/kafka-log.ts'

const reason = brokerUnavailable()
const findings = z.array(
  z.object({ check: z.string(), outcome: z.string(), said: z.string(), remedy: z.string().optional() }),
)

describe.skipIf(reason !== undefined)(`tickerwatch doctor ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let own: Scratch
  beforeAll(async () => {
    own = await scratch()
    broker = await startTemporaryBroker()
  })
  afterAll(async () => {
    await broker?.stop()
    await own?.remove()
  })

  async function doctor(...words: string[]) {
    const state = ['--state', own.path('node')]
    const { code, stdout, stderr } = await tickerwatch('doctor', ...state, ...words, '--json')
    const found = findings.parse(JSON.parse(stdout.join('\n')))
    return { code, stderr, by: Object.fromEntries(found.map(finding => [finding.check, finding])) }
  }

  test('topics that would lose data are named, with what to do', async () => {
    const log = await kafkaLog({ brokers: [broker.brokers], clientId: 'wrong' })
    const changelog = `${applicationId}-motion-changelog`
    const wrong = [topics.annotations, topics.models, changelog]
    try {
      await log.admin.createTopics([
        { topic: topics.annotations, partitions: 4, config: { 'retention.ms': '3600000' } },
        { topic: topics.models, partitions: 2, config: { 'retention.ms': '-1' } },
        { topic: changelog, partitions: 4, config: { 'cleanup.policy': 'delete' } },
      ])
      const { code, by } = await doctor('--brokers', broker.brokers)
      expect(code).toBe(1)
      expect(by.brokers).toMatchObject({ outcome: 'ok', said: `1 at ${broker.brokers}` })
      expect(by.topics?.outcome).toBe('problem')
      expect(by.topics?.said.split('; ')).toEqual([
        `${topics.annotations}: retention.ms is 3600000 instead of -1`,
        `${topics.models}: 2 partitions instead of 1`,
        expect.stringMatching(/activity-models: max\.message\.bytes is \d+ instead of 4194304/),
        `${changelog}: cleanup.policy is delete instead of compact`,
      ])
      expect(by.model).toMatchObject({ outcome: 'skipped' })
      await log.admin.deleteTopics(wrong)
    } finally {
      await log.close()
    }
  })

  test('before the first node and after it everything is well, and the release in force is tried', async () => {
    const before = await doctor('--brokers', broker.brokers)
    expect(before.code, JSON.stringify(before.by)).toBe(0)
    expect(before.by.topics?.said).toMatch(/^the first node that starts makes ticker-watch-data/)
    expect(before.by.model?.said).toMatch(/^no release is published yet/)

    await own.run('node', '--brokers', broker.brokers, '--devices', '4', '--for', '10s')
    const { code, by } = await doctor('--brokers', broker.brokers)
    expect(code, JSON.stringify(by)).toBe(0)
    expect(by.authorisation).toMatchObject({ outcome: 'ok' })
    expect(by.clock).toMatchObject({ outcome: 'ok' })
    expect(by.topics?.said).toMatch(/^9 of the application, 4 partitions of readings$/)
    expect(by.model?.said).toMatch(/^watch@\d+\.\d+\.\d+ is in force, and passes its probe$/)
  })

  test('the time of the brokers is told without writing anything', async () => {
    const at = async (shift: number) => {
      const now = () => Date.now() + shift
      const options = { brokers: [broker.brokers], clientId: 'clock' }
      return (await inspectCluster(options, { topics: [], group: 'nobody', now })).clock
    }
    for (const shift of [0, 60_000, -60_000]) {
      const clock = await at(shift)
      expect(Math.abs((clock?.ahead ?? Number.NaN) + shift)).toBeLessThanOrEqual((clock?.within ?? 0) + 5)
    }
  })

  test('a closed port is one problem, and what needs it is not looked at', async () => {
    const { code, by, stderr } = await doctor('--brokers', '127.0.0.1:1')
    expect(code).toBe(1)
    expect(by.brokers).toMatchObject({
      outcome: 'problem',
      said: expect.stringMatching(/^LOG_UNREACHABLE/),
      remedy: expect.stringContaining('--brokers'),
    })
    for (const check of ['authorisation', 'clock', 'topics', 'model'])
      expect(by[check]).toMatchObject({ outcome: 'skipped' })
    expect(stderr.filter(line => / {4}at /.test(line))).toEqual([])
  })
})
