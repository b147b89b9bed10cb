/**
 * An idempotent producer (KIP-98), transactional if it has an id. It writes its batches itself and uses kafkajs for the
 * requests of transactions: kafkajs' own producer takes ten times the processor time, replaces the timestamp 0 by now,
 * and reorders headers.
 */
import type { Broker } from 'kafkajs/src/cluster/index.js'
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import { TickerError } from '../../errors.ts'
import type {
  CommittedOffset,
  Producer,
  ProducerOptions,
  ProducerRecord,
  Reach,
  TopicPartition,
} from '../log.ts'
import { encodeBatch } from './batch-writer.ts'
import type { Cluster } from './cluster.ts'
import { answerOf } from './errors.ts'
import {
  afterInit,
  decisionOf,
  findLostEnds,
  type LastDecision,
  type LostEnds,
  refuseUnknown,
} from './lost-ends.ts'
import { describeTransactionRequest } from './protocol/describe-transactions.ts'
import { type Produced, produceRequest } from './protocol/produce.ts'

/** Bytes; a topic takes batches of 1,048,588 bytes unless `max.message.bytes` says otherwise. */
const BATCH_SIZE = 1_000_000
const REQUEST_SIZE = 8_000_000
/** Milliseconds after which the broker aborts a transaction whose producer is gone, if nobody takes over its id before. */
const TRANSACTION_TIMEOUT = 10_000
/** How often lost ends are looked for again after some were found. */
const END_ROUNDS = 3
const CONCURRENT_TRANSACTIONS = 51
/** Sequences are int32 and wrap around. */
const SEQUENCES = 2 ** 31

/** Records that one batch writes. */
interface Pending extends TopicPartition {
  readonly records: readonly ProducerRecord[]
  readonly bytes: number
}

/** While they are divided. */
interface Filling extends Pending {
  readonly records: ProducerRecord[]
  bytes: number
}

type State = 'new' | 'ready' | 'in transaction' | 'failed' | 'closed'

interface Identity {
  readonly producerId: string
  readonly producerEpoch: number
}

export interface KafkaProducerOptions extends ProducerOptions {
  /** By transactional id, shared by the producers of a log: what one found out may help its successor. */
  readonly decisions: Map<string, LastDecision>
}

export class KafkaProducer implements Producer {
  readonly #cluster: Cluster
  readonly #transactionalId: string | undefined
  readonly #reach: Reach | undefined
  readonly #onNotice: ((text: string) => void) | undefined
  readonly #decisions: Map<string, LastDecision>
  /** Connections lost when it was last certain that no transaction had lost its end. */
  #lossesSeen = 0
  #state: State = 'new'
  /** Undefined also after a plain producer has failed: the broker may expect another sequence. */
  #identity: Identity | undefined
  readonly #sequences = new Map<string, number>()
  /** Partitions that the open transaction has told its coordinator of. */
  readonly #enlisted = new Set<string>()
  #offsetsSent = false
  /** The sends under way: one after the other, so that order is kept. */
  #sending: Promise<unknown> = Promise.resolve()

  /** @param cluster connections of its own */
  constructor(cluster: Cluster, { transactionalId, reach, onNotice, decisions }: KafkaProducerOptions) {
    this.#cluster = cluster
    this.#transactionalId = transactionalId
    this.#reach = reach
    this.#onNotice = onNotice
    this.#decisions = decisions
  }

  async init(): Promise<void> {
    this.#expect('new', 'init')
    await this.#initialise()
    for (let round = 1; ; round++) {
      const lost = await this.#lostEnds()
      if (lost === undefined) break
      const decision = this.#decisions.get(this.#transactionalId!)
      if (decision === undefined || round === END_ROUNDS) {
        if (lost.partitions.length > 0) refuseUnknown(this.#transactionalId!, lost)
        // Another producer's transaction may be moving these positions: who asks for them waits for its end.
        break
      }
      await this.#endAgain(lost, decision)
      await this.#initialise()
    }
    this.#state = 'ready'
  }

  async send(records: readonly ProducerRecord[]): Promise<readonly CommittedOffset[]> {
    const expected = this.#transactionalId === undefined ? 'ready' : 'in transaction'
    this.#expect(expected, 'send')
    const sent = this.#sending.then(async () => {
      this.#expect(expected, 'send')
      return await this.#orFail(() => this.#append(records))
    })
    this.#sending = sent.catch(() => {})
    return await sent
  }

  begin(): void {
    if (this.#transactionalId === undefined) {
      throw new TickerError('LOG_MISUSED', `producer ${this.#cluster.clientId} has no transactional id`)
    }
    this.#expect('ready', 'begin')
    this.#enlisted.clear()
    this.#offsetsSent = false
    this.#state = 'in transaction'
  }

  async sendOffsets(group: string, offsets: readonly CommittedOffset[]): Promise<void> {
    this.#expect('in transaction', 'sendOffsets')
    const topics = [...new Set(offsets.map(each => each.topic))].map(topic => ({
      topic,
      partitions: offsets
        .filter(each => each.topic === topic)
        .map(({ partition, position }) => ({ partition, offset: String(position), metadata: null })),
    }))
    await this.#orFail(async () => {
      if (this.#enlisted.size === 0) await this.#checkLastEnd()
      const transaction = this.#transaction()
      const doing = `cannot add positions of group ${group} to a transaction of ${transaction.transactionalId}`
      await this.#once(doing, async () => {
        await (await this.#coordinator()).addOffsetsToTxn({ ...transaction, groupId: group })
      })
      this.#offsetsSent = true
      await this.#once(doing, async () => {
        const coordinator = await this.#cluster.groupCoordinator(group)
        await coordinator.txnOffsetCommit({ ...transaction, groupId: group, topics })
      })
    })
  }

  async commit(): Promise<void> {
    await this.#end(true)
  }

  async abort(): Promise<void> {
    await this.#end(false)
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    // An open transaction holds up who reads what it wrote. Once it failed, initialising the id again ends it.
    if (this.#state === 'in transaction') await this.abort().catch(() => {})
    this.#state = 'closed'
    await this.#cluster.close()
  }

  async #initialise(): Promise<void> {
    const transactionalId = this.#transactionalId
    const name = transactionalId ?? this.#cluster.clientId
    const { producerId, producerEpoch } = await this.#cluster.retrying(
      `cannot initialise producer ${name}`,
      async () => {
        const broker = await (transactionalId === undefined
          ? this.#cluster.controller()
          : this.#coordinator())
        if (transactionalId !== undefined && this.#reach !== undefined) {
          const seen = await this.#cluster.send(broker, describeTransactionRequest(transactionalId))
          this.#keep(decisionOf(seen, this.#decisions.get(transactionalId)))
        }
        return await broker.initProducerId({ transactionalId, transactionTimeout: TRANSACTION_TIMEOUT })
      },
    )
    this.#identity = { producerId, producerEpoch }
    this.#sequences.clear()
    if (transactionalId !== undefined) {
      const identity = { producerId: Number(producerId), producerEpoch }
      this.#keep(afterInit(identity, this.#decisions.get(transactionalId)))
    }
  }

  #keep(decision: LastDecision | undefined): void {
    if (decision === undefined) this.#decisions.delete(this.#transactionalId!)
    else this.#decisions.set(this.#transactionalId!, decision)
  }

  /** None of its transactions may be under way. */
  async #lostEnds(): Promise<LostEnds | undefined> {
    const reach = this.#reach
    if (reach === undefined || this.#transactionalId === undefined) return undefined
    const { losses } = this.#cluster
    const producerId = Number(this.#identity!.producerId)
    const doing = `cannot find out whether the transactions of ${this.#transactionalId} have ended`
    const lost = await this.#cluster.retrying(doing, () => findLostEnds(this.#cluster, reach, producerId))
    if (lost === undefined) this.#lossesSeen = losses
    return lost
  }

  /** Ends what has lost its end, as it was decided. */
  async #endAgain({ partitions, positions }: LostEnds, { committed }: LastDecision): Promise<void> {
    const transaction = this.#transaction()
    const doing = `cannot end the last transaction of ${transaction.transactionalId} again`
    await this.#once(doing, async () => {
      const coordinator = await this.#coordinator()
      if (partitions.length > 0)
        await coordinator.addPartitionsToTxn({ ...transaction, topics: topicsOf(partitions) })
    })
    await this.#once(doing, async () => {
      if (positions)
        await (await this.#coordinator()).addOffsetsToTxn({ ...transaction, groupId: this.#reach!.group })
    })
    await this.#once(doing, async () => {
      await (await this.#coordinator()).endTxn({ ...transaction, transactionResult: committed })
    })
    const where = [...partitions.map(nameOf), ...(positions ? [`the group's positions`] : [])].join(', ')
    const outcome = committed ? 'committed' : 'aborted'
    this.#onNotice?.(
      `the last transaction of ${transaction.transactionalId} had lost its end in ${where}: it is ${outcome} there too now (KAFKA-20734)`,
    )
  }

  /**
   * A broker that restarted since the last transaction was ended may have lost its end, and then whatever becomes of the next
   * one would become of both. @throws TickerError LOG_FAILED where it has: its successor's `init` puts it right
   */
  async #checkLastEnd(): Promise<void> {
    const transactionalId = this.#transactionalId!
    if (this.#reach === undefined || this.#cluster.losses === this.#lossesSeen) return
    await this.#cluster.retrying(`cannot ask for the transaction of ${transactionalId}`, async () => {
      const seen = await this.#cluster.send(
        await this.#coordinator(),
        describeTransactionRequest(transactionalId),
      )
      if (seen?.state.startsWith('Prepare')) throw createErrorFromCode(CONCURRENT_TRANSACTIONS)
    })
    if ((await this.#lostEnds()) === undefined) return
    throw new TickerError('LOG_FAILED', `a transaction of ${transactionalId} has lost its end`)
  }

  async #append(records: readonly ProducerRecord[]): Promise<CommittedOffset[]> {
    if (records.length === 0) return []
    if (this.#identity === undefined) await this.#initialise()
    const queues = divide(records)
    const ends = new Map<string, CommittedOffset>()
    while (queues.size > 0) {
      const round = nextRound(queues)
      if (this.#transactionalId !== undefined) await this.#enlist(round)
      for (const { pending, baseOffset } of await this.#produce(round)) {
        const name = nameOf(pending)
        const queue = queues.get(name)!
        if (baseOffset === 'too large') queue.splice(0, 1, ...halves(pending))
        else {
          queue.shift()
          const { topic, partition } = pending
          ends.set(name, { topic, partition, position: baseOffset + pending.records.length })
        }
        if (queue.length === 0) queues.delete(name)
      }
    }
    return [...ends.values()]
  }

  /** Tells the coordinator which partitions the transaction writes to, before it does. */
  async #enlist(round: readonly Pending[]): Promise<void> {
    const newcomers = round.filter(each => !this.#enlisted.has(nameOf(each)))
    if (newcomers.length === 0) return
    if (this.#enlisted.size === 0 && !this.#offsetsSent) await this.#checkLastEnd()
    const topics = topicsOf(newcomers)
    const transaction = this.#transaction()
    await this.#once(`cannot write in a transaction of ${transaction.transactionalId}`, async () => {
      await (await this.#coordinator()).addPartitionsToTxn({ ...transaction, topics })
    })
    for (const each of newcomers) this.#enlisted.add(nameOf(each))
  }

  /** Writes one batch to each partition; answers with where they begin. */
  async #produce(
    round: readonly Pending[],
  ): Promise<{ readonly pending: Pending; readonly baseOffset: number | 'too large' }[]> {
    const transactional = this.#transactionalId !== undefined
    const identity = this.#identity!
    // Encoded once: a batch that is sent again must be the same, with the same sequence.
    let unanswered = round.map(pending => {
      const sequence = this.#sequences.get(nameOf(pending)) ?? 0
      const batch = encodeBatch(pending.records, { ...identity, sequence, transactional })
      return { pending, topic: pending.topic, partition: pending.partition, sequence, batch }
    })
    const done: { pending: Pending; baseOffset: number | 'too large' }[] = []
    const topics = [...new Set(round.map(each => each.topic))]
    const step = async (): Promise<void> => {
      await this.#cluster.know(topics)
      const failures: unknown[] = []
      for (const answer of await this.#sendToLeaders(unanswered, failures)) {
        const sent = unanswered.find(each => nameOf(each) === nameOf(answer))
        if (sent === undefined) continue
        const error = answer.errorCode === 0 ? undefined : createErrorFromCode(answer.errorCode)
        const tooLarge = error !== undefined && isTooLarge(error) && sent.pending.records.length > 1
        if (error !== undefined && !tooLarge) {
          failures.push(error)
          continue
        }
        unanswered = unanswered.filter(each => each !== sent)
        done.push({ pending: sent.pending, baseOffset: tooLarge ? 'too large' : answer.baseOffset })
        if (tooLarge) continue
        this.#sequences.set(nameOf(sent), (sent.sequence + sent.pending.records.length) % SEQUENCES)
      }
      if (failures.length > 0) throw failures[0]
    }
    const doing = `cannot write to ${topics.join(', ')}`
    await (transactional ? this.#once(doing, step) : this.#cluster.retrying(doing, step))
    return done
  }

  async #sendToLeaders(
    batches: readonly (TopicPartition & { readonly batch: Buffer })[],
    failures: unknown[],
  ): Promise<Produced[]> {
    const perLeader = new Map<number | undefined, (TopicPartition & { readonly batch: Buffer })[]>()
    for (const each of batches) {
      const leader = this.#cluster.leader(each.topic, each.partition)
      perLeader.set(leader, [...(perLeader.get(leader) ?? []), each])
    }
    const sends = [...perLeader].map(async ([leader, share]) => {
      if (leader === undefined) throw this.#noLeader(share)
      const broker = await this.#cluster.broker(leader)
      return await this.#cluster.send(broker, produceRequest(this.#transactionalId ?? null, share))
    })
    const answers: Produced[] = []
    for (const result of await Promise.allSettled(sends)) {
      if (result.status === 'fulfilled') answers.push(...result.value)
      else failures.push(result.reason)
    }
    return answers
  }

  #noLeader(share: readonly TopicPartition[]): Error {
    const outside = share.find(each => !this.#cluster.partitions(each.topic).includes(each.partition))
    if (outside === undefined) return createErrorFromCode(5) // LEADER_NOT_AVAILABLE
    return new TickerError('LOG_UNKNOWN_TOPIC', `there is no partition ${nameOf(outside)}`)
  }

  async #end(committed: boolean): Promise<void> {
    this.#expect('in transaction', committed ? 'commit' : 'abort')
    await this.#orFail(async () => {
      await this.#sending
      this.#expect('in transaction', committed ? 'commit' : 'abort')
      // The coordinator knows nothing of a transaction that did nothing.
      if (this.#enlisted.size === 0 && !this.#offsetsSent) return
      const transaction = this.#transaction()
      const doing = `cannot ${committed ? 'commit' : 'abort'} a transaction of ${transaction.transactionalId}`
      await this.#once(doing, async () => {
        await (await this.#coordinator()).endTxn({ ...transaction, transactionResult: committed })
      })
    })
    this.#state = 'ready'
  }

  /**
   * A request of a transaction. A lost answer is not asked for again: should the first request arrive late, it would meet
   * a later transaction (jepsen.io/analyses/bufstream-0.1.0). Who initialises the id again is safe.
   */
  async #once(doing: string, step: () => Promise<void>): Promise<void> {
    try {
      await this.#cluster.retrying(doing, step, { repeatable: false })
    } catch (error) {
      if (!(error instanceof TickerError) || error.code !== 'LOG_UNREACHABLE') throw error
      throw new TickerError('LOG_FAILED', `${error.message}; whether it was done is not known`, {
        cause: error,
      })
    }
  }

  #coordinator(): Promise<Broker> {
    return this.#cluster.transactionCoordinator(this.#transactionalId!)
  }

  #transaction() {
    return { ...this.#identity!, transactionalId: this.#transactionalId! }
  }

  async #orFail<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step()
    } catch (error) {
      if (this.#transactionalId === undefined) this.#identity = undefined
      else if (this.#state !== 'closed') this.#state = 'failed'
      throw error
    }
  }

  #expect(state: State, call: string): void {
    if (this.#state === state) return
    const name = this.#transactionalId ?? this.#cluster.clientId
    throw new TickerError('LOG_MISUSED', `${call} of producer ${name}, which is ${this.#state}, not ${state}`)
  }
}

function topicsOf(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  return [...new Set(partitions.map(each => each.topic))].map(topic => ({
    topic,
    partitions: partitions.filter(each => each.topic === topic).map(each => each.partition),
  }))
}

function isTooLarge(error: Error): boolean {
  const answer = answerOf(error)
  return answer === 'MESSAGE_TOO_LARGE' || answer === 'RECORD_LIST_TOO_LARGE'
}

/** Batches per partition, in order. @throws TickerError LOG_MISUSED */
function divide(records: readonly ProducerRecord[]): Map<string, Pending[]> {
  const queues = new Map<string, Filling[]>()
  let queue: Filling[] = []
  let last: ProducerRecord | undefined
  for (const record of records) {
    const { topic, partition, timestamp } = record
    if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
      throw new TickerError('LOG_MISUSED', `a record for ${topic} has the timestamp ${timestamp}`)
    }
    // A changelog's records come one after the other.
    if (last?.topic !== topic || last.partition !== partition) {
      const name = nameOf(record)
      queue = queues.get(name) ?? []
      queues.set(name, queue)
    }
    last = record
    const bytes = sizeOf(record)
    const filling = queue.at(-1)
    if (filling !== undefined && filling.bytes + bytes <= BATCH_SIZE) {
      filling.records.push(record)
      filling.bytes += bytes
    } else {
      queue.push({ topic, partition, records: [record], bytes })
    }
  }
  return queues
}

/** The next batch of each partition, as many as one request takes. */
function nextRound(queues: ReadonlyMap<string, readonly Pending[]>): Pending[] {
  const round: Pending[] = []
  let bytes = 0
  for (const [pending] of queues.values()) {
    if (pending === undefined || (round.length > 0 && bytes + pending.bytes > REQUEST_SIZE)) continue
    round.push(pending)
    bytes += pending.bytes
  }
  return round
}

/** The topic takes smaller batches than usual. */
function halves({ topic, partition, records, bytes }: Pending): Pending[] {
  const middle = Math.ceil(records.length / 2)
  return [records.slice(0, middle), records.slice(middle)].map(part => ({
    topic,
    partition,
    records: part,
    bytes: bytes / 2,
  }))
}

/** An upper bound of the record's encoded size. */
function sizeOf(record: ProducerRecord): number {
  let bytes = 36 + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const [name, value] of record.headers ?? []) bytes += 10 + Buffer.byteLength(name) + value.length
  return bytes
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
