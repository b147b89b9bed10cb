import { TickerError } from '../../errors.ts'
import type { CommittedOffset, Producer, ProducerOptions, ProducerRecord } from '../log.ts'
import type { Broker } from './broker.ts'
import type { Partition } from './partition.ts'
import type { ProducerIdentity } from './transactions.ts'

/** Records that one append writes: they go to one partition and fit one batch. */
interface Pending {
  readonly log: Partition
  readonly records: ProducerRecord[]
  bytes: number
}

type State = 'new' | 'ready' | 'in transaction' | 'failed' | 'closed'

export class MemoryProducer implements Producer {
  readonly #broker: Broker
  readonly #options: ProducerOptions
  #state: State = 'new'
  #identity: ProducerIdentity | undefined
  /** The sends under way: each begins when the one before it has ended, so that waiting for room keeps the order. */
  #sending: Promise<unknown> = Promise.resolve()

  constructor(broker: Broker, options: ProducerOptions) {
    this.#broker = broker
    this.#options = options
    broker.clients.add(this)
  }

  async init(): Promise<void> {
    this.#expect('new', 'init')
    const { transactionalId } = this.#options
    if (transactionalId !== undefined) this.#identity = this.#broker.transactions.init(transactionalId)
    this.#state = 'ready'
  }

  async send(records: readonly ProducerRecord[]): Promise<readonly CommittedOffset[]> {
    this.#expect(this.#options.transactionalId === undefined ? 'ready' : 'in transaction', 'send')
    const sent = this.#sending.catch(() => {}).then(() => this.#orFail(() => this.#append(records)))
    this.#sending = sent
    return await sent
  }

  begin(): void {
    if (this.#options.transactionalId === undefined) {
      throw new TickerError('LOG_MISUSED', `producer ${this.#options.clientId} has no transactional id`)
    }
    this.#expect('ready', 'begin')
    this.#state = 'in transaction'
  }

  async sendOffsets(group: string, offsets: readonly CommittedOffset[]): Promise<void> {
    this.#expect('in transaction', 'sendOffsets')
    await this.#orFail(async () => this.#broker.transactions.addOffsets(this.#identity!, group, offsets))
  }

  async commit(): Promise<void> {
    await this.#end(true)
  }

  async abort(): Promise<void> {
    await this.#end(false)
  }

  /** An open transaction is aborted, unless it belongs to another producer by now. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const { clients, transactions, waiters } = this.#broker
    this.#state = 'closed'
    clients.delete(this)
    waiters.notify()
    if (this.#identity !== undefined && transactions.owns(this.#identity))
      transactions.end(this.#identity, false)
  }

  async #end(committed: boolean): Promise<void> {
    this.#expect('in transaction', committed ? 'commit' : 'abort')
    await this.#orFail(async () => {
      await this.#sending.catch(() => {})
      this.#broker.transactions.end(this.#identity!, committed)
    })
    this.#state = 'ready'
  }

  async #append(records: readonly ProducerRecord[]): Promise<readonly CommittedOffset[]> {
    const { waiters, transactions, environment } = this.#broker
    const positions = new Map<Partition, CommittedOffset>()
    for (const { log, records: batch } of this.#divide(records)) {
      if (!this.#broker.hasRoom(log)) {
        await waiters.until(
          () => this.#state === 'closed' || this.#broker.hasRoom(log),
          environment.limits.sendTimeout,
        )
        this.#expect(this.#options.transactionalId === undefined ? 'ready' : 'in transaction', 'send')
        if (this.#broker.partition(log) !== log || !this.#broker.hasRoom(log)) throw this.#full(log)
      }
      if (this.#identity !== undefined) transactions.addPartition(this.#identity, log)
      log.append(batch, this.#identity?.producerId)
      positions.set(log, { topic: log.topic, partition: log.partition, position: log.end })
      waiters.notify()
    }
    await waiters.turn()
    return [...positions.values()]
  }

  /** Checks all records before the first is stored. */
  #divide(records: readonly ProducerRecord[]): Pending[] {
    const result: Pending[] = []
    const filling = new Map<Partition, Pending>()
    for (const record of records) {
      const log = this.#broker.partition(record)
      const limit = this.#broker.topic(record.topic).batchLimit
      const bytes = sizeOf(record)
      if (bytes > limit) {
        throw new TickerError(
          'LOG_RECORD_TOO_LARGE',
          `a record of ${bytes} bytes for ${record.topic}, which takes ${limit}`,
        )
      }
      if (!Number.isSafeInteger(record.timestamp) || record.timestamp < 0) {
        throw new TickerError(
          'LOG_MISUSED',
          `a record for ${record.topic} has the timestamp ${record.timestamp}`,
        )
      }
      if (log.compacted && record.key === null) {
        throw new TickerError('LOG_FAILED', `${record.topic} is compacted: its records need a key`)
      }
      const pending = filling.get(log)
      if (pending !== undefined && pending.bytes + bytes <= limit) {
        pending.records.push(record)
        pending.bytes += bytes
      } else {
        const begun = { log, records: [record], bytes }
        filling.set(log, begun)
        result.push(begun)
      }
    }
    return result
  }

  #full(log: Partition): TickerError {
    const slowest = this.#broker.slowestReader(log)
    const reason =
      slowest !== undefined && slowest.position < log.stableEnd
        ? `group ${slowest.group} has read it up to ${slowest.position} only`
        : `a transaction is open since ${log.stableEnd}`
    return new TickerError(
      'LOG_FAILED',
      `${log.topic}/${log.partition} is full (${log.bytes} bytes): ${reason}`,
    )
  }

  /** After an error within a transaction nothing more is accepted, as with Kafka's producers. */
  async #orFail<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step()
    } catch (error) {
      if (this.#options.transactionalId !== undefined && this.#state !== 'closed') this.#state = 'failed'
      throw error
    }
  }

  #expect(state: State, call: string): void {
    if (this.#state !== state) {
      throw new TickerError(
        'LOG_MISUSED',
        `${call} of producer ${this.#options.clientId}, which is ${this.#state}, not ${state}`,
      )
    }
  }
}

/** An upper bound of the record's encoded size, near enough to bound batches. */
function sizeOf(record: ProducerRecord): number {
  let bytes = 36 + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const [name, value] of record.headers ?? []) bytes += 10 + Buffer.byteLength(name) + value.length
  return bytes
}
