import { describe } from 'vitest'
import { logContract } from '../contract.ts'
import { brokerUnavailable } from './broker/distribution.ts'
import { startTemporaryBroker } from './broker/temporary-broker.ts'
import { kafkaLog } from './kafka-log.ts'

const reason = brokerUnavailable()

describe.skipIf(reason !== undefined)(`kafka ${reason ?? ''}`, () => {
  logContract('kafka', async () => {
    const broker = await startTemporaryBroker()
    const log = await kafkaLog({ brokers: [broker.brokers], clientId: 'contract' })
    return {
      log,
      async close() {
        await log.close()
        await broker.stop()
      },
    }
  })
})
