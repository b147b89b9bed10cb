import { TickerError } from '../../errors.ts'
import type { CommittedOffset } from '../log.ts'
import type { Broker } from './broker.ts'
import type { Partition } from './partition.ts'

/** A transactional producer's right to write: good until another one initialises the same transactional id. */
export interface ProducerIdentity {
  readonly transactionalId: string
  readonly producerId: number
  readonly epoch: number
}

interface OpenTransaction {
  readonly partitions: Set<Partition>
  readonly offsets: { readonly group: string; readonly offsets: readonly CommittedOffset[] }[]
  readonly cancelTimeout: () => void
}

interface TransactionalId {
  readonly producerId: number
  epoch: number
  open: OpenTransaction | undefined
}

/** The transaction coordinator (KIP-98): producer ids and epochs, and what each open transaction has touched. */
export class Transactions {
  readonly #broker: Broker
  readonly #ids = new Map<string, TransactionalId>()

  constructor(broker: Broker) {
    this.#broker = broker
  }

  /** Fences earlier producers of this id by a higher epoch, and aborts what they left open. */
  init(transactionalId: string): ProducerIdentity {
    let state = this.#ids.get(transactionalId)
    if (state === undefined) {
      state = { producerId: this.#ids.size, epoch: -1, open: undefined }
      this.#ids.set(transactionalId, state)
    }
    this.#finish(state, false)
    state.epoch++
    return { transactionalId, producerId: state.producerId, epoch: state.epoch }
  }

  /** To be called before a transaction's records are appended to the partition. @throws TickerError LOG_FENCED */
  addPartition(identity: ProducerIdentity, partition: Partition): void {
    this.#opened(identity).partitions.add(partition)
  }

  /** @throws TickerError LOG_FENCED */
  addOffsets(identity: ProducerIdentity, group: string, offsets: readonly CommittedOffset[]): void {
    this.#opened(identity).offsets.push({ group, offsets: [...offsets] })
  }

  /** Ends the producer's transaction; one that has touched nothing ends without a trace. @throws TickerError LOG_FENCED */
  end(identity: ProducerIdentity, committed: boolean): void {
    this.#finish(this.#owned(identity), committed)
  }

  owns(identity: ProducerIdentity): boolean {
    return this.#ids.get(identity.transactionalId)?.epoch === identity.epoch
  }

  /** Forgets the timers of open transactions. */
  close(): void {
    for (const { open } of this.#ids.values()) open?.cancelTimeout()
  }

  #owned(identity: ProducerIdentity): TransactionalId {
    const state = this.#ids.get(identity.transactionalId)
    if (state === undefined || state.epoch !== identity.epoch) {
      throw new TickerError(
        'LOG_FENCED',
        `transactional id ${identity.transactionalId} was taken over, or its transaction timed out`,
      )
    }
    return state
  }

  #opened(identity: ProducerIdentity): OpenTransaction {
    const state = this.#owned(identity)
    if (state.open === undefined) {
      const { after, limits } = this.#broker.environment
      const expire = (): void => {
        this.#finish(state, false)
        state.epoch++
      }
      state.open = {
        partitions: new Set(),
        offsets: [],
        cancelTimeout: after(limits.transactionTimeout, expire),
      }
    }
    return state.open
  }

  #finish(state: TransactionalId, committed: boolean): void {
    const { open } = state
    if (open === undefined) return
    state.open = undefined
    open.cancelTimeout()
    for (const partition of open.partitions) partition.endTransaction(state.producerId, committed)
    if (committed) for (const { group, offsets } of open.offsets) this.#broker.group(group).commit(offsets)
    this.#broker.waiters.notify()
  }
}
