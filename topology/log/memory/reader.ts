import { TickerError } from '../../errors.ts'
import type { Reader, TopicPartition } from '../log.ts'
import type { RecordBatch } from '../record-batch.ts'
import type { Broker } from './broker.ts'
import { Fetcher } from './fetcher.ts'

export class MemoryReader implements Reader {
  readonly #broker: Broker
  readonly #fetcher: Fetcher
  #closed = false

  constructor(broker: Broker) {
    this.#broker = broker
    this.#fetcher = new Fetcher(broker)
    broker.clients.add(this)
  }

  seek(tp: TopicPartition, position: number): void {
    this.#checkOpen()
    this.#fetcher.add(tp, position)
    this.#broker.waiters.notify()
  }

  async poll(maxWait: number): Promise<readonly RecordBatch[]> {
    await this.#broker.waiters.turn()
    this.#checkOpen()
    await this.#broker.waiters.until(() => this.#closed || this.#fetcher.ready, maxWait)
    return this.#closed ? [] : this.#fetcher.fetch()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#broker.clients.delete(this)
    this.#broker.waiters.notify()
  }

  #checkOpen(): void {
    if (this.#closed) throw new TickerError('LOG_MISUSED', 'the reader is closed')
  }
}
