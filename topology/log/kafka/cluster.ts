/**
 * A set of connections to a Kafka cluster: kafkajs' own (its broker list, metadata, TLS and SASL), and on them both
 * kafkajs' requests and ours. Requests on one connection are answered in order, so who waits for long in a request (a
 * long fetch, a join) has connections of its own.
 */

import { createRequire } from 'node:module'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { ISocketFactory, KafkaConfig, Mechanism, SASLOptions } from 'kafkajs'
import KafkaCluster, { type Broker } from 'kafkajs/src/cluster/index.js'
import { createLogger } from 'kafkajs/src/loggers/index.js'
import { TickerError } from '../../errors.ts'
import { isBusy, isConnectionError, isTemporary, isUnknownTopic, reasonOf, toTickerError } from './errors.ts'
import { oauthBearer } from './oauth-bearer.ts'
import type { Request } from './protocol/request.ts'

/** Milliseconds. */
const CONNECTION_TIMEOUT = 3_000
const ANSWER_TIMEOUT = 10_000
const REQUEST_TIMEOUT = 30_000
const METADATA_MAX_AGE = 60_000
const FIRST_BACKOFF = 2
const LONGEST_BACKOFF = 500
/** How long an operation is tried again while brokers restart or hand over; a restart takes about 15 s. */
const PATIENCE = 60_000

export interface ClusterOptions {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly ssl?: KafkaConfig['ssl']
  readonly sasl?: SASLOptions
  /** Opens a connection: for a tunnel, or for tests that break connections. By default a TCP or TLS socket. */
  readonly socketFactory?: ISocketFactory
}

/** @throws TickerError LOG_FAILED when another version of kafkajs is installed than the one whose internals are used */
export function checkVersion(): void {
  const { version } = createRequire(import.meta.url)('kafkajs/package.json')
  if (version !== '2.2.4') {
    throw new TickerError(
      'LOG_FAILED',
      `kafkajs ${version} is installed; this adapter is proven with 2.2.4 only`,
    )
  }
}

export class Cluster {
  readonly #kafka: KafkaCluster
  readonly #options: ClusterOptions
  readonly #sockets = new Set<Socket>()
  /** Node ids of coordinators, by type and name. */
  readonly #coordinators = new Map<string, number>()
  #closed = false
  #losses = 0

  constructor(options: ClusterOptions) {
    this.#options = options
    this.#kafka = new KafkaCluster({
      ...options,
      ssl: options.ssl,
      sasl: saslOf(options),
      // Every failure reaches the caller as an error; kafkajs would log it, and each of its retries, besides.
      logger: createLogger({ level: 0, logCreator: () => () => {} }),
      socketFactory: wanted => {
        // kafkajs goes on trying after the connections were broken off.
        if (this.#closed) throw new Error('closed')
        const socket = (options.socketFactory ?? openSocket)(wanted)
        this.#sockets.add(socket)
        // kafkajs adds a listener each time it gives a broken connection up, which it does until it has another one.
        socket.setMaxListeners(0)
        return socket.once('close', () => {
          this.#sockets.delete(socket)
          this.#losses++
        })
      },
      connectionTimeout: CONNECTION_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      enforceRequestTimeout: true,
      metadataMaxAge: METADATA_MAX_AGE,
      allowAutoTopicCreation: false,
      isolationLevel: 1,
      retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 3 },
    })
  }

  get closed(): boolean {
    return this.#closed
  }

  /** How many connections have come to an end: none of its brokers has restarted while this stays the same. */
  get losses(): number {
    return this.#losses
  }

  get clientId(): string {
    return this.#options.clientId
  }

  /** @throws TickerError LOG_UNREACHABLE when nobody answers after a few attempts or 10 s */
  async connect(): Promise<void> {
    const addresses = this.#options.brokers.join(',')
    // What accepts connections but is no broker would be waited for much longer.
    const silence = setTimeout(() => void this.close(), ANSWER_TIMEOUT)
    try {
      await this.#kafka.connect()
      await this.#kafka.refreshMetadata()
    } catch (error) {
      const silent = this.#closed
      await this.close()
      if (silent || isConnectionError(error)) {
        const reason = silent ? `not within ${ANSWER_TIMEOUT / 1000} s` : reasonOf(error)
        throw new TickerError('LOG_UNREACHABLE', `no Kafka broker answers at ${addresses}: ${reason}`, {
          cause: error,
        })
      }
      throw toTickerError(error, `the Kafka broker at ${addresses} refuses`)
    } finally {
      clearTimeout(silence)
    }
  }

  /** After an error: connects again if the connections are lost, and asks anew who is responsible for what. */
  async recover(): Promise<void> {
    this.#coordinators.clear()
    await this.#kafka.connect()
    try {
      await this.#kafka.refreshMetadata()
    } catch (error) {
      if (isUnknownTopic(error)) this.#kafka.targetTopics.clear()
      throw error
    }
  }

  /** Breaks the connections off: a request under way fails. */
  async close(): Promise<void> {
    this.#closed = true
    for (const socket of this.#sockets) socket.destroy(new Error('closed'))
    await this.#kafka.disconnect().catch(() => {})
  }

  /** Loads the metadata of topics, if it is not there. */
  async know(topics: readonly string[]): Promise<void> {
    try {
      await this.#kafka.addMultipleTargetTopics(topics)
    } catch (error) {
      if (!isUnknownTopic(error)) throw error
      // It may be another topic that is gone: kafkajs loads the metadata of all it was ever asked for, or of none.
      this.#kafka.targetTopics.clear()
      await this.#kafka.addMultipleTargetTopics(topics)
    }
  }

  partitions(topic: string): number[] {
    return this.#kafka
      .findTopicPartitionMetadata(topic)
      .map(each => each.partitionId)
      .sort((a, b) => a - b)
  }

  /** Node id of the partition's leader as far as known. */
  leader(topic: string, partition: number): number | undefined {
    const metadata = this.#kafka
      .findTopicPartitionMetadata(topic)
      .find(each => each.partitionId === partition)
    return metadata === undefined || metadata.leader < 0 ? undefined : metadata.leader
  }

  /** How many there are now. */
  get brokers(): number {
    return Object.keys(this.#kafka.brokerPool.brokers).length
  }

  get nodeIds(): readonly number[] {
    return Object.keys(this.#kafka.brokerPool.brokers).map(Number)
  }

  broker(nodeId: number): Promise<Broker> {
    return this.#kafka.findBroker({ nodeId })
  }

  controller(): Promise<Broker> {
    return this.#kafka.findControllerBroker()
  }

  groupCoordinator(group: string): Promise<Broker> {
    return this.#coordinator(0, group)
  }

  transactionCoordinator(transactionalId: string): Promise<Broker> {
    return this.#coordinator(1, transactionalId)
  }

  async #coordinator(coordinatorType: 0 | 1, name: string): Promise<Broker> {
    const key = `${coordinatorType} ${name}`
    const known = this.#coordinators.get(key)
    if (known !== undefined) return await this.broker(known)
    const broker = await this.#kafka.findGroupCoordinator({ groupId: name, coordinatorType })
    this.#coordinators.set(key, broker.nodeId)
    return broker
  }

  /** The first offset of each partition, or the last stable one. */
  async listOffsets(topic: string, which: 'start' | 'end'): Promise<Map<number, number>> {
    const partitions = this.partitions(topic).map(partition => ({ partition }))
    const [answer] = await this.#kafka.fetchTopicsOffset([
      { topic, partitions, fromBeginning: which === 'start' },
    ])
    return new Map(answer?.partitions.map(each => [each.partition, Number(each.offset)]))
  }

  /** The first offset of each partition with this timestamp or a later one; none for a partition without such. */
  async listOffsetsAt(topic: string, timestamp: number): Promise<Map<number, number>> {
    const partitions = this.partitions(topic).map(partition => ({ partition }))
    const [answer] = await this.#kafka.fetchTopicsOffset([
      { topic, partitions, fromBeginning: false, fromTimestamp: timestamp },
    ])
    const found = answer?.partitions.filter(each => Number(each.offset) >= 0) ?? []
    return new Map(found.map(each => [each.partition, Number(each.offset)]))
  }

  /** Sends a request that kafkajs does not know (in this version). */
  async send<T>(
    broker: Broker,
    { apiKey, apiVersion, apiName, body, decode, timeout }: Request<T>,
  ): Promise<T> {
    try {
      return await broker.connectionPool.send<T>({
        // What kafkajs asks of its encoders.
        request: { apiKey, apiVersion, apiName, encode: async () => ({ buf: body, buffer: body }) },
        response: {
          decode: async payload => ({ value: await decode(payload) }),
          parse: async data => data.value,
        },
        requestTimeout: timeout ?? REQUEST_TIMEOUT,
        logResponseError: false,
      })
    } catch (error) {
      if (isConnectionError(error)) this.#kafka.brokerPool.removeBroker(broker.connectionPool)
      throw error
    }
  }

  /**
   * Does `step`, again and again while brokers are away or hand over.
   * @param doing what is done, for the error
   * @param repeatable false where a request whose answer was lost must not be sent again
   * @throws TickerError
   */
  async retrying<T>(doing: string, step: () => Promise<T>, { repeatable = true } = {}): Promise<T> {
    const deadline = Date.now() + PATIENCE
    for (let backoff = FIRST_BACKOFF; ; backoff = Math.min(backoff * 2, LONGEST_BACKOFF)) {
      try {
        return await step()
      } catch (error) {
        const hopeless = !isTemporary(error) || (!repeatable && isConnectionError(error))
        if (this.#closed) throw new TickerError('LOG_MISUSED', `${doing}: it is closed`, { cause: error })
        if (hopeless || Date.now() >= deadline) throw toTickerError(error, doing)
        await delay(backoff)
        // Not for transactions that are being ended: the right broker was asked, just too early. Where it fails, the
        // next attempt says why.
        if (!isBusy(error)) await this.recover().catch(() => {})
      }
    }
  }
}

/** kafkajs writes what it has made of the options into them, so that the caller's would go on with an old password. */
function saslOf({ sasl }: ClusterOptions): SASLOptions | Mechanism | undefined {
  if (sasl?.mechanism === 'oauthbearer') return oauthBearer(sasl.oauthBearerProvider)
  return sasl && { ...sasl }
}

const openSocket: ISocketFactory = ({ host, port, ssl, onConnect }) =>
  ssl
    ? connectTls({ host, port, ...serverName(host), ...ssl }, onConnect).setNoDelay()
    : connectTcp({ host, port, noDelay: true }, onConnect)

/** A server is only asked for a certificate by name where it has one (SNI). */
function serverName(host: string): { servername?: string } {
  return isIP(host) ? {} : { servername: host }
}
