import { TickerError } from '../../errors.ts'
import type { CommittedOffset, Consumer, ConsumerOptions, TopicPartition } from '../log.ts'
import type { RecordBatch } from '../record-batch.ts'
import type { Broker } from './broker.ts'
import { Fetcher } from './fetcher.ts'
import type { Group, Member } from './group.ts'

/** @throws TickerError LOG_UNKNOWN_TOPIC */
export class MemoryConsumer implements Consumer {
  readonly #broker: Broker
  readonly #options: ConsumerOptions
  readonly #fetcher: Fetcher
  readonly #group: Group
  #member: Member
  #failure: TickerError | undefined
  #closed = false
  #polling = false
  /** A poll is not to wait. */
  #hurry = false

  constructor(broker: Broker, options: ConsumerOptions) {
    for (const topic of options.topics) broker.topic(topic)
    this.#broker = broker
    this.#options = options
    this.#fetcher = new Fetcher(broker)
    this.#group = broker.group(options.group)
    this.#member = this.#join()
    broker.clients.add(this)
  }

  async poll(maxWait: number): Promise<readonly RecordBatch[]> {
    if (this.#polling) throw new TickerError('LOG_MISUSED', 'a consumer is polled once at a time')
    this.#polling = true
    try {
      await this.#broker.waiters.turn()
      this.#checkOpen()
      this.#rejoinIfLost()
      await this.#broker.waiters.until(
        () => this.#closed || this.#failure !== undefined || this.#hurry || this.#fetcher.ready,
        maxWait,
      )
      this.#hurry = false
      if (this.#closed) return []
      if (this.#failure !== undefined) throw this.#failure
      return this.#fetcher.fetch()
    } finally {
      this.#polling = false
    }
  }

  wakeup(): void {
    this.#hurry = true
    this.#broker.waiters.notify()
  }

  seek(tp: TopicPartition, position: number): void {
    this.#checkOpen()
    this.#fetcher.seek(tp, position)
    this.#broker.waiters.notify()
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#checkOpen()
    this.#fetcher.setPaused(partitions, true)
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#checkOpen()
    this.#fetcher.setPaused(partitions, false)
    this.#broker.waiters.notify()
  }

  async commit(offsets: readonly CommittedOffset[]): Promise<void> {
    this.#checkOpen()
    if (this.#rejoinIfLost()) throw this.#rebalanced()
    for (const offset of offsets) if (!this.#fetcher.has(offset)) throw this.#rebalanced()
    this.#group.commit(offsets)
  }

  async heartbeat(): Promise<void> {
    this.#checkOpen()
    if (this.#rejoinIfLost() || this.#group.isRebalancing) throw this.#rebalanced()
  }

  rejoin(): void {
    this.#checkOpen()
    this.#group.rejoin()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#broker.clients.delete(this)
    this.#group.leave(this.#member.memberId)
    this.#broker.waiters.notify()
  }

  #join(): Member {
    const member: Member = {
      memberId: `${this.#options.clientId}-${this.#broker.randomId()}`,
      clientId: this.#options.clientId,
      topics: this.#options.topics,
      assignor: this.#options.assignor,
      metadata: this.#options.metadata,
      tell: this.#options.tell,
      sessionTimeout: this.#options.sessionTimeout ?? 10_000,
      assignment: undefined,
      cancelExpiry: undefined,
      onAssigned: assignment => {
        this.#fetcher.assign(
          assignment.partitions.map(tp => ({ tp, position: this.#group.position(tp) ?? 0 })),
        )
        this.#options.onAssigned(assignment)
      },
      onFailed: error => {
        this.#failure = error
        this.#broker.waiters.notify()
      },
    }
    this.#group.join(member)
    return member
  }

  /** Any call is a sign of life. A member that its group has given up says so, and joins again. */
  #rejoinIfLost(): boolean {
    this.#member.cancelExpiry?.()
    this.#member.cancelExpiry = undefined
    if (this.#group.isMember(this.#member.memberId)) return false
    this.#fetcher.assign([])
    this.#options.onLost?.()
    this.#member = this.#join()
    return true
  }

  #checkOpen(): void {
    if (this.#closed)
      throw new TickerError('LOG_MISUSED', `the consumer of group ${this.#options.group} is closed`)
  }

  #rebalanced(): TickerError {
    return new TickerError(
      'LOG_REBALANCED',
      `group ${this.#options.group} has moved on without member ${this.#member.memberId}`,
    )
  }
}
