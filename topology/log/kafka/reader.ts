import { TickerError } from '../../errors.ts'
import type { Reader, TopicPartition } from '../log.ts'
import type { RecordBatch } from '../record-batch.ts'
import type { Cluster } from './cluster.ts'
import { Fetcher } from './fetcher.ts'

export class KafkaReader implements Reader {
  readonly #cluster: Cluster
  readonly #fetcher: Fetcher
  #closed = false

  /** @param cluster connections of its own, since a fetch keeps them busy */
  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#fetcher = new Fetcher({ cluster })
  }

  seek(tp: TopicPartition, position: number): void {
    if (this.#closed) throw new TickerError('LOG_MISUSED', 'the reader is closed')
    this.#fetcher.seek(tp, position)
  }

  async poll(maxWait: number): Promise<readonly RecordBatch[]> {
    if (this.#closed) throw new TickerError('LOG_MISUSED', 'the reader is closed')
    return await this.#fetcher.poll(maxWait)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#fetcher.close()
    await this.#cluster.close()
  }
}
