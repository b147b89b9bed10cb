/** Kafka, as the settings name it. */
import type { Log } from '../topology/index.ts'
import type { KafkaLogOptions } from '../topology/log/kafka/kafka-log.ts'
import type { KafkaSettings } from './configuration/settings.ts'

/** What the settings say of the cluster, for its client. */
export async function clusterOf({ brokers = [] }: KafkaSettings, clientId: string): Promise<KafkaLogOptions> {
  return { brokers, clientId }
}

/**
 * The client is loaded only where it is used.
 * @throws TickerError LOG_UNREACHABLE when no broker answers within some seconds
 */
export async function openKafka(settings: KafkaSettings, clientId: string): Promise<Log> {
  const { kafkaLog } = await import('../topology/log/kafka/kafka-log.ts')
  return await kafkaLog(await clusterOf(settings, clientId))
}
