/** A log whose calls can be held back, to look at what goes on meanwhile: races without a broker and without luck. */
import type { ConsumerOptions, Log, Producer } from '../log/log.ts'

type Call = 'init' | 'send' | 'sendOffsets' | 'commit' | 'heartbeat' | 'stablePositions'

/** A kind of call that waits before it is made. */
interface Hold {
  readonly call: Call
  readonly of: string
  readonly until: Promise<void>
  onReached(): void
}

export interface Held {
  /** Resolves when such a call waits. */
  readonly reached: Promise<void>
  /** Lets it go on, or fail. */
  release(error?: Error): void
}

export class HeldLog {
  readonly log: Log
  /** Calls made, in order, as `CALL OF`: of a transactional id, a client id (heartbeat) or a group (stablePositions). */
  readonly calls: string[] = []
  /** Of the consumers opened: to tell them of assignments that nobody made. */
  readonly consumers: ConsumerOptions[] = []
  readonly #holds: Hold[] = []
  #deaf = false

  constructor(inner: Log) {
    this.log = {
      ...inner,
      admin: {
        ...inner.admin,
        stablePositions: (group, partitions) =>
          this.#made('stablePositions', group, () => inner.admin.stablePositions(group, partitions)),
      },
      consumer: async options => {
        this.consumers.push(options)
        const consumer = await inner.consumer(options)
        const heartbeat = consumer.heartbeat.bind(consumer)
        const poll = consumer.poll.bind(consumer)
        consumer.poll = async maxWait => {
          const batches = await poll(maxWait)
          return this.#deaf ? [] : batches
        }
        consumer.heartbeat = () => this.#made('heartbeat', options.clientId, heartbeat)
        return consumer
      },
      producer: async options => {
        const producer = await inner.producer(options)
        const of = options.transactionalId ?? options.clientId
        const held: Producer = {
          init: () => this.#made('init', of, () => producer.init()),
          begin: () => producer.begin(),
          send: records => this.#made('send', of, () => producer.send(records)),
          sendOffsets: (group, offsets) =>
            this.#made('sendOffsets', of, () => producer.sendOffsets(group, offsets)),
          commit: () => this.#made('commit', of, () => producer.commit()),
          abort: () => producer.abort(),
          close: () => producer.close(),
        }
        return held
      },
    }
  }

  /** Holds the next call of this kind back. */
  hold(call: Call, of: string): Held {
    let release: Held['release'] = () => {}
    let onReached = (): void => {}
    const reached = new Promise<void>(resolve => {
      onReached = resolve
    })
    const until = new Promise<void>((resolve, reject) => {
      release = error => (error === undefined ? resolve() : reject(error))
    })
    until.catch(() => {}) // whoever makes the call is told
    this.#holds.push({ call, of, until, onReached })
    return { reached, release }
  }

  /** From now on consumers are given nothing. */
  deafen(): void {
    this.#deaf = true
  }

  async #made<T>(call: Call, of: string, make: () => Promise<T>): Promise<T> {
    this.calls.push(`${call} ${of}`)
    const at = this.#holds.findIndex(each => each.call === call && each.of === of)
    if (at >= 0) {
      const [hold] = this.#holds.splice(at, 1)
      hold!.onReached()
      await hold!.until
    }
    return await make()
  }
}
