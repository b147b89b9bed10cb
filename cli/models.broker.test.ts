/** Releases and replays on a real Kafka, by the command line: beside a node, and without one. */
import { writeFile } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auditTrail } from '../processors/audit.ts'
import { readRelease, releaseJson } from '../processors/models/release.ts'
import { shippedReleases } from '../processors/models/shipped.ts'
import { avroSerdes, localRegistry } from '../schemas/index.ts'
import { type Scratch, scratch } from '../test/node-process.ts'
import { tickerwatch } from '../test/tickerwatch.ts'
import { brokerUnavailable } from '../topology/log/kafka/broker/distribution.ts'
import { startTemporaryBroker, type TemporaryBroker } from '../topology/log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from '../topology/log/kafka/kafka-log.ts'

const reason = brokerUnavailable()

describe.skipIf(reason !== undefined)(`releases on Kafka ${reason ?? ''}`, () => {
  let own: Scratch
  let broker: TemporaryBroker
  beforeAll(async () => {
    own = await scratch()
    broker = await startTemporaryBroker()
  })
  afterAll(async () => {
    await broker?.stop()
    await own?.remove()
  })

  const ask = async (...words: string[]) => {
    const { code, stdout, stderr } = await tickerwatch(...words, '--brokers', broker.brokers, '--json')
    return {
      code,
      stderr: stderr.join('\n'),
      answer: stdout.length === 0 ? undefined : JSON.parse(stdout.join('\n')),
    }
  }

  test('are published, promoted, rolled back and replayed', async () => {
    const run = (name: string) =>
      own.run(name, '--brokers', broker.brokers, '--devices', '40', '--for', '15s')
    const first = (await run('first')).report
    expect(first.predictionsByModelVersion).toEqual({ '1.0.0': first.predictions })

    const newer = own.path('newer.json')
    const [, second] = await shippedReleases('watch')
    await writeFile(newer, JSON.stringify(releaseJson(second!)))
    expect((await readRelease(newer)).version).toBe('2.0.0')
    expect((await ask('models', 'publish', newer)).answer).toMatchObject({
      version: '2.0.0',
      status: 'candidate',
    })
    const promoted = await ask('models', 'promote', 'watch@2.0.0', '--reason', 'better on unseen people')
    expect(promoted.answer).toMatchObject({ status: 'promoted', reason: 'better on unseen people' })
    const { report } = await run('second')
    expect(report.predictionsByModelVersion['2.0.0']).toBeGreaterThan(0)

    const switches = (await ask('models', 'switches')).answer
    expect(switches.map(({ version }: { version: string }) => version)).toEqual(
      Array.from({ length: 4 }, () => ['1.0.0', '2.0.0']).flat(),
    )
    const recorded = await ask('replay')
    const predictions = first.predictions + report.predictions
    expect([recorded.code, recorded.answer]).toMatchObject([
      0,
      { predictions, identical: predictions, different: 0, missing: 0, added: 0, agreement: 1 },
    ])
    const out = own.path('differences.ndjson')
    const backtest = await ask('replay', '--model', 'watch@2.0.0', '--out', out)
    expect([backtest.code, backtest.answer.byVersion]).toEqual([0, { '2.0.0': predictions }])
    expect(backtest.answer.different).toBeGreaterThan(0)
    const otherwise = await ask('replay', '--annotations-per-hour', '8')
    expect([otherwise.code, otherwise.stderr]).toEqual([1, expect.stringMatching(/^REPLAY_DIFFERS: /m)])

    const back = await ask('models', 'rollback', '--reason', 'for the test')
    expect(back.answer).toMatchObject({ version: '1.0.0', status: 'promoted' })
    const { known, inForce } = (await ask('models', 'list')).answer
    expect(inForce.version).toBe('1.0.0')
    expect(
      known.map(({ version, status, reason }: Record<string, string>) => [version, status, reason]),
    ).toEqual([
      ['2.0.0', 'retired', 'for the test'],
      ['1.0.0', 'promoted', 'for the test'],
    ])
    expect((await ask('reset', '--execute', '--state', own.path('none'))).code).toBe(0)
    await ask('models', 'promote', 'watch@9.9.9', '--reason', 'unheard of')

    const log = await kafkaLog({ brokers: [broker.brokers], clientId: 'audit-test' })
    const trail = auditTrail({
      log,
      avro: avroSerdes(localRegistry()),
      clientId: 'audit-test',
      now: Date.now,
    })
    const events = await trail.newest(100).finally(() => log.close())
    expect(
      events.map(({ action, subject, outcome, reason, code }) => [action, subject, outcome, reason, code]),
    ).toEqual(
      [
        ['roles', 'the node’s own only', 'done', null, null],
        ['publish', 'watch@2.0.0', 'done', null, null],
        ['promote', 'watch@2.0.0', 'done', 'better on unseen people', null],
        ['roles', 'the node’s own only', 'done', null, null],
        ['rollback', 'the one before', 'done', 'for the test', null],
        ['reset', 'activity', 'done', null, null],
        ['promote', 'watch@9.9.9', 'failed', 'unheard of', 'MODEL_UNKNOWN'],
      ].toReversed(),
    )
    expect(events[0]).toMatchObject({
      who: `${userInfo().username}@${hostname()}`,
      role: 'operator',
      address: null,
    })
  })
})
