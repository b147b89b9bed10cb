/** Releases swapped on a real broker while readings wait: nothing is lost or doubled, and every switch is where it was recorded. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Log } from '../../topology/index.ts'
import { brokerUnavailable } from '../../topology/log/kafka/broker/distribution.ts'
import {
  startTemporaryBroker,
  type TemporaryBroker,
} from '../../topology/log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from '../../topology/log/kafka/kafka-log.ts'
import { shippedReleases } from './shipped.ts'
import { swapsUnderLoad } from './testing/swaps-under-load.ts'
import { trustedSources } from './trusted-sources.ts'

const reason = brokerUnavailable()

describe.skipIf(reason !== undefined)(`model swaps on Kafka ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let log: Log
  beforeAll(async () => {
    broker = await startTemporaryBroker()
    log = await kafkaLog({ brokers: [broker.brokers], clientId: 'test' })
  })
  afterAll(async () => {
    await log?.close()
    await broker?.stop()
  })

  test('under full load lose and double nothing, and a replay is the same bit by bit', async () => {
    const [a, b] = await shippedReleases('watch')
    const swapped = await swapsUnderLoad({
      log,
      devices: 60,
      seconds: 300,
      releases: [a!, b!, a!, b!, a!],
      trusted: await trustedSources([]),
    })
    const { predictions, replay, switches } = swapped
    expect(predictions).toBe(swapped.windowsClosed)
    expect(swapped.doubled).toBe(0)
    expect(replay).toMatchObject({ predictions, identical: predictions, different: 0, missing: 0, added: 0 })
    expect(switches).toHaveLength(4 * 5)
    expect(Math.min(...Object.values(replay.byVersion))).toBeGreaterThan(predictions / 20)
    expect(swapped.stalls).toHaveLength(4)
  })
})
