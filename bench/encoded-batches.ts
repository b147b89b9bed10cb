/**
 * Record batches that were encoded before they are sent, by no producer in particular: what a broker takes from a client that
 * does nothing else. Load that is to disturb little, and the limit of a real producer.
 */
import type { ProducerRecord } from '../topology/index.ts'
import { encodeBatch } from '../topology/log/kafka/batch-writer.ts'
import { Cluster } from '../topology/log/kafka/cluster.ts'
import { produceRequest } from '../topology/log/kafka/protocol/produce.ts'

/** One partition's. */
export interface EncodedBatch {
  readonly partition: number
  readonly batch: Buffer
}

/** One batch for each partition that the records name. */
export function encodeAhead(records: readonly Omit<ProducerRecord, 'topic'>[]): EncodedBatch[] {
  const perPartition = new Map<number, ProducerRecord[]>()
  for (const record of records) {
    const share = perPartition.get(record.partition) ?? []
    share.push({ topic: '', ...record })
    perPartition.set(record.partition, share)
  }
  const nobody = { producerId: '-1', producerEpoch: -1, sequence: -1, transactional: false }
  return [...perPartition].map(([partition, share]) => ({ partition, batch: encodeBatch(share, nobody) }))
}

export class BatchSender {
  readonly #cluster: Cluster
  readonly #topic: string

  private constructor(cluster: Cluster, topic: string) {
    this.#cluster = cluster
    this.#topic = topic
  }

  static async connect(brokers: string, topic: string): Promise<BatchSender> {
    const cluster = new Cluster({ brokers: [brokers], clientId: 'load' })
    await cluster.connect()
    await cluster.know([topic])
    return new BatchSender(cluster, topic)
  }

  /** As one request, which may follow others that are not answered yet. @throws when a batch is refused */
  async send(batches: readonly EncodedBatch[]): Promise<void> {
    const topic = this.#topic
    const broker = await this.#cluster.broker(this.#cluster.leader(topic, batches[0]!.partition)!)
    const named = batches.map(each => ({ topic, ...each }))
    for (const answer of await this.#cluster.send(broker, produceRequest(null, named))) {
      if (answer.errorCode !== 0) throw new Error(`the broker refuses a batch with error ${answer.errorCode}`)
    }
  }

  async close(): Promise<void> {
    await this.#cluster.close()
  }
}
