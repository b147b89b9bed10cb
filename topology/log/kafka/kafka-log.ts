import { TickerError } from '../../errors.ts'
import type { Log } from '../log.ts'
import { KafkaAdmin } from './admin.ts'
import { Cluster, type ClusterOptions, checkVersion } from './cluster.ts'
import { KafkaConsumer } from './consumer.ts'
import type { LastDecision } from './lost-ends.ts'
import { KafkaProducer } from './producer.ts'
import { KafkaReader } from './reader.ts'

export type KafkaLogOptions = ClusterOptions

/**
 * A Kafka cluster (3.6 or later) as a log. What it holds is closed with it.
 * @throws TickerError LOG_UNREACHABLE when no broker answers within some seconds
 */
export async function kafkaLog(options: KafkaLogOptions): Promise<Log> {
  checkVersion()
  const shared = new Cluster(options)
  await shared.connect()
  const admin = new KafkaAdmin(shared)
  const clients = new Map<Cluster, { close(): Promise<void> }>()
  const decisions = new Map<string, LastDecision>()
  let closed = false

  const opened = async <Client extends { close(): Promise<void> }>(
    clientId: string,
    make: (own: Cluster) => Client,
    topics: readonly string[] = [],
  ): Promise<Client> => {
    if (closed) throw new TickerError('LOG_MISUSED', 'the log is closed')
    const own = new Cluster({ ...options, clientId })
    try {
      // The log was reachable once: a broker that is away now is waited for.
      await own.retrying(`cannot connect ${clientId}`, () => own.recover())
      await own.retrying(`cannot read ${topics.join(', ')}`, () => own.know(topics))
    } catch (error) {
      await own.close()
      throw error
    }
    const client = make(own)
    for (const other of clients.keys()) if (other.closed) clients.delete(other)
    clients.set(own, client)
    return client
  }

  return {
    description: `kafka ${options.brokers.join(',')}`,
    durable: true,
    admin,
    consumer: consumerOptions =>
      opened(
        consumerOptions.clientId,
        own => new KafkaConsumer({ ...consumerOptions, own, shared, admin }),
        consumerOptions.topics,
      ),
    reader: ({ clientId }) => opened(clientId, own => new KafkaReader(own)),
    producer: producerOptions =>
      opened(producerOptions.clientId, own => new KafkaProducer(own, { ...producerOptions, decisions })),
    async close() {
      closed = true
      await Promise.all([...clients.values()].map(client => client.close()))
      await shared.close()
    },
  }
}
