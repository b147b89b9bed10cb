import type { Log } from '../topology/index.ts'
import { startTemporaryBroker } from '../topology/log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from '../topology/log/kafka/kafka-log.ts'

export interface OnKafka {
  readonly log: Log
  /** `host:port`. */
  readonly brokers: string
  /** The broker's process. */
  readonly pid: number
}

/** Does something with a broker of its own, which is gone afterwards. */
export async function withKafka<T>(use: (kafka: OnKafka) => Promise<T>): Promise<T> {
  const broker = await startTemporaryBroker()
  try {
    const log = await kafkaLog({ brokers: [broker.brokers], clientId: 'bench' })
    try {
      return await use({ log, brokers: broker.brokers, pid: broker.pid })
    } finally {
      await log.close()
    }
  } finally {
    await broker.stop()
  }
}
