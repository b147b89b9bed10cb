/** Follows topics outside of the topology: every record from given positions on, decoded, one after the other. */
import type { BaseLogger } from 'pino'
import { SchemaError } from '../schemas/index.ts'
import { type Log, type Reader, RecordCursor, readyOf, type Serde, type Timers } from '../topology/index.ts'

/** Milliseconds a poll waits for more, and until a log that failed is asked again. */
const POLL_WAIT = 250
const RETRY = 1000

export interface FollowedTopic<T> {
  readonly topic: string
  readonly value: Serde<T>
  /** Where to begin in a partition that holds what lies from `start` to `end`. Default: its start. */
  readonly from?: (place: {
    readonly partition: number
    readonly start: number
    readonly end: number
  }) => number
  /** Called for each record in the order of its partition; the next one waits for it. */
  readonly take: (value: T, place: Place) => void | Promise<void>
}

export interface Place {
  readonly partition: number
  readonly offset: number
}

interface Followed extends Pick<FollowedTopic<unknown>, 'from'> {
  readonly take: (bytes: Buffer, place: Place) => void | Promise<void>
}

export interface TopicFollowerOptions {
  readonly log: Log
  readonly clientId: string
  readonly timers: Timers
  readonly logger: Pick<BaseLogger, 'warn'>
}

export class TopicFollower {
  readonly #options: TopicFollowerOptions
  readonly #topics = new Map<string, Followed>()
  readonly #positions = new Map<string, Map<number, number>>()
  #stopping = false
  #loop: Promise<void> = Promise.resolve()
  #wake = (): void => {}
  #moved: Promise<void> = Promise.resolve()

  constructor(options: TopicFollowerOptions) {
    this.#options = options
    this.#nextMove()
  }

  /** Before `start`. */
  follow<T>({ topic, value, from, take }: FollowedTopic<T>): void {
    this.#topics.set(topic, { from, take: (bytes, place) => take(value.deserialize(bytes), place) })
  }

  /** Finds the positions to begin at; what is there by now is taken in when `caughtUp` resolves. */
  async start(): Promise<void> {
    for (const [topic, { from }] of this.#topics) {
      const offsets = await this.#options.log.admin.offsets(topic)
      const begin = offsets.map(place => [place.partition, from?.(place) ?? place.start] as const)
      this.#positions.set(topic, new Map(begin))
    }
    this.#loop = this.#follow()
  }

  /** Resolves when everything was taken that the topics hold now. */
  async caughtUp(): Promise<void> {
    for (const topic of this.#topics.keys()) {
      for (const { partition, end } of await this.#options.log.admin.offsets(topic)) {
        while (!this.#stopping && (this.#positions.get(topic)?.get(partition) ?? 0) < end) await this.#moved
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#loop
    this.#wake()
  }

  async #follow(): Promise<void> {
    const { timers, logger } = this.#options
    while (!this.#stopping) {
      try {
        await this.#read()
      } catch (error) {
        if (this.#stopping) return
        const topics = [...this.#topics.keys()].join(', ')
        logger.warn(`${topics} cannot be read at present: ${error instanceof Error ? error.message : error}`)
        await new Promise<void>(resolve => timers.after(RETRY, resolve))
      }
    }
  }

  async #read(): Promise<void> {
    const { log, clientId } = this.#options
    const reader: Reader = await log.reader({ clientId })
    const cursor = new RecordCursor()
    try {
      for (const [topic, positions] of this.#positions)
        for (const [partition, position] of positions) reader.seek({ topic, partition }, position)
      while (!this.#stopping) {
        for (const batch of await reader.poll(POLL_WAIT)) {
          const positions = this.#positions.get(batch.topic)!
          cursor.reset(batch, positions.get(batch.partition) ?? 0)
          while (cursor.next()) {
            if (cursor.value !== null)
              await this.#take(batch.topic, cursor.value, {
                partition: batch.partition,
                offset: cursor.offset,
              })
            positions.set(batch.partition, cursor.offset + 1)
          }
          positions.set(batch.partition, batch.lastOffset + 1)
        }
        this.#wake()
        this.#nextMove()
      }
    } finally {
      await reader.close()
    }
  }

  async #take(topic: string, bytes: Buffer, place: Place): Promise<void> {
    try {
      await this.#topics.get(topic)?.take(bytes, place)
    } catch (error) {
      const ready = readyOf(error)
      if (ready !== undefined) {
        await ready
        return await this.#take(topic, bytes, place)
      }
      if (!(error instanceof SchemaError)) throw error
      const { partition, offset } = place
      this.#options.logger.warn(`offset ${offset} of ${topic} ${partition} is passed over: ${error.message}`)
    }
  }

  #nextMove(): void {
    this.#moved = new Promise(resolve => {
      this.#wake = resolve
    })
  }
}
