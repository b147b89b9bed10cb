import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'vitest'
import { logContract } from '../contract.ts'
import { brokerUnavailable } from './broker/distribution.ts'
import { startBroker } from './broker/start-broker.ts'
import { kafkaLog } from './kafka-log.ts'

const reason = brokerUnavailable()

describe.skipIf(reason !== undefined)(
  `on a broker${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    logContract('kafka', async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'tickerwatch-kafka-'))
      const broker = await startBroker({ dataDir })
      const log = await kafkaLog({ brokers: [broker.brokers], clientId: 'contract' })
      return {
        log,
        async close() {
          await log.close()
          await broker.stop()
          rmSync(dataDir, { recursive: true })
        },
      }
    })
  },
)
