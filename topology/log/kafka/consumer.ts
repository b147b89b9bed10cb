import { TickerError } from '../../errors.ts'
import type { Admin, CommittedOffset, Consumer, ConsumerOptions, TopicPartition } from '../log.ts'
import type { RecordBatch } from '../record-batch.ts'
import type { Cluster } from './cluster.ts'
import { Fetcher } from './fetcher.ts'
import { Membership } from './membership.ts'

export interface KafkaConsumerOptions extends ConsumerOptions {
  readonly admin: Pick<Admin, 'stablePositions'>
  /** Connections of its own, for fetches and joins; they carry the consumer's client id. */
  readonly own: Cluster
  /** Connections for short requests, not closed here. */
  readonly shared: Cluster
}

export class KafkaConsumer implements Consumer {
  readonly #group: string
  readonly #fetcher: Fetcher
  readonly #membership: Membership
  #polling = false
  #closed = false

  constructor({ own, shared, admin, ...options }: KafkaConsumerOptions) {
    this.#group = options.group
    this.#fetcher = new Fetcher({
      cluster: own,
      lookUp: partitions => admin.stablePositions(options.group, partitions),
    })
    this.#membership = new Membership({
      ...options,
      joining: own,
      cluster: shared,
      onAssigned: assignment => {
        this.#fetcher.assign(assignment.partitions)
        options.onAssigned(assignment)
      },
      onLost: () => {
        this.#fetcher.assign([])
        options.onLost?.()
      },
      onFailed: error => this.#fetcher.fail(error),
    })
    this.#membership.start()
  }

  async poll(maxWait: number): Promise<readonly RecordBatch[]> {
    this.#checkOpen()
    if (this.#polling) throw new TickerError('LOG_MISUSED', 'a consumer is polled once at a time')
    this.#polling = true
    try {
      return await this.#fetcher.poll(maxWait)
    } finally {
      this.#polling = false
    }
  }

  wakeup(): void {
    this.#fetcher.wakeup()
  }

  seek(tp: TopicPartition, position: number): void {
    this.#checkOpen()
    // A partition that a rebalance has taken meanwhile is not read.
    if (this.#fetcher.has(tp)) this.#fetcher.seek(tp, position)
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#checkOpen()
    this.#fetcher.setPaused(partitions, true)
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#checkOpen()
    this.#fetcher.setPaused(partitions, false)
  }

  async commit(offsets: readonly CommittedOffset[]): Promise<void> {
    this.#checkOpen()
    const foreign = offsets.find(each => !this.#fetcher.has(each))
    if (foreign !== undefined) {
      throw new TickerError(
        'LOG_REBALANCED',
        `${foreign.topic}/${foreign.partition} of group ${this.#group} belongs to another member`,
      )
    }
    if (offsets.length > 0) await this.#membership.commit(offsets)
  }

  async heartbeat(): Promise<void> {
    this.#checkOpen()
    await this.#membership.heartbeat()
  }

  rejoin(): void {
    this.#checkOpen()
    this.#membership.rejoin()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#fetcher.close()
    await this.#membership.close()
  }

  #checkOpen(): void {
    if (this.#closed) throw new TickerError('LOG_MISUSED', `the consumer of group ${this.#group} is closed`)
  }
}
