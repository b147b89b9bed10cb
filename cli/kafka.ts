/** Kafka, as the settings name it. */
import type { Log } from '../topology/index.ts'
import type { KafkaLogOptions } from '../topology/log/kafka/kafka-log.ts'
import type { KafkaSettings } from './configuration/settings.ts'
import { kafkaSecurity } from './kafka/security.ts'

/** What the settings say of the cluster, for its client. @throws CliError FILE_UNREADABLE, KAFKA_CA_INVALID; LakeError AWS_… */
export async function clusterOf(
  { brokers = [], ...security }: KafkaSettings,
  clientId: string,
): Promise<KafkaLogOptions> {
  return { brokers, clientId, ...(await kafkaSecurity(security)) }
}

/**
 * The client is loaded only where it is used.
 * @throws what `clusterOf` does; TickerError LOG_UNREACHABLE, LOG_UNTRUSTED, LOG_UNAUTHENTICATED
 */
export async function openKafka(settings: KafkaSettings, clientId: string): Promise<Log> {
  const { kafkaLog } = await import('../topology/log/kafka/kafka-log.ts')
  return await kafkaLog(await clusterOf(settings, clientId))
}
