/**
 * Connections to a broker at which something happens as a request is written: it is cut off before the answer arrives, or
 * the process dies. What the broker has done of the request, its client does not learn.
 */
import { connect, type Socket } from 'node:net'
import type { KafkaLogOptions } from '../../log/kafka/kafka-log.ts'

/** Requests of Kafka's protocol, by their API key. */
export const requests = { Produce: 0, Fetch: 1, OffsetFetch: 9, EndTxn: 26, TxnOffsetCommit: 28 } as const

export type RequestName = keyof typeof requests

type SocketFactory = NonNullable<KafkaLogOptions['socketFactory']>

export class Connections {
  readonly #cuts = new Map<number, () => void>()
  readonly #written = new Map<number, () => void>()

  readonly socketFactory: SocketFactory = ({ host, port, onConnect }) => {
    const socket = connect({ host, port, noDelay: true }, onConnect)
    this.#watch(socket)
    return socket
  }

  /** The next request of this kind gets no answer: its connection breaks off when the answer comes. */
  cut(request: RequestName, done: () => void): void {
    this.#cuts.set(requests[request], done)
  }

  /** Calls back once the next request of this kind is on its way. */
  onWritten(request: RequestName, then: () => void): void {
    this.#written.set(requests[request], then)
  }

  /** kafkajs writes a request in one call, and reads by listening to `data`. */
  #watch(socket: Socket): void {
    const answers = new Answers()
    let doomed: { readonly id: number; readonly apiKey: number; readonly done: () => void } | undefined
    socket.write = new Proxy(socket.write, {
      apply: (write, self, words) => {
        const request = Buffer.from(words[0], 'binary')
        const apiKey = request.readInt16BE(4)
        const done = this.#cuts.get(apiKey)
        if (done !== undefined && doomed === undefined) {
          this.#cuts.delete(apiKey)
          doomed = { id: request.readInt32BE(8), apiKey, done }
        }
        const result = Reflect.apply(write, self, words)
        const then = this.#written.get(apiKey)
        this.#written.delete(apiKey)
        then?.()
        return result
      },
    })
    socket.emit = new Proxy(socket.emit, {
      apply: (emit, self, words) => {
        // Closed by its client before the answer came, as that of a restore which is over: then it befalls another one.
        if (words[0] === 'close' && doomed !== undefined) {
          this.#cuts.set(doomed.apiKey, doomed.done)
          doomed = undefined
        }
        if (words[0] === 'data') {
          const ids = answers.begunIn(words[1])
          if (doomed !== undefined && ids.includes(doomed.id)) {
            const { done } = doomed
            doomed = undefined
            socket.destroy(new Error('cut'))
            done()
            return true
          }
        }
        return Reflect.apply(emit, self, words)
      },
    })
  }
}

/** Finds where answers begin in what a connection receives: their length and the id of their request. */
class Answers {
  #head = Buffer.alloc(0)
  /** Bytes of the current answer still to come. */
  #rest = 0

  /** Ids of the requests whose answers begin in this chunk. */
  begunIn(chunk: Buffer): number[] {
    const ids: number[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#rest > 0) {
        const skipped = Math.min(this.#rest, chunk.length - at)
        this.#rest -= skipped
        at += skipped
        continue
      }
      const part = chunk.subarray(at, at + 8 - this.#head.length)
      this.#head = Buffer.concat([this.#head, part])
      at += part.length
      if (this.#head.length < 8) break
      ids.push(this.#head.readInt32BE(4))
      this.#rest = this.#head.readInt32BE(0) - 4
      this.#head = Buffer.alloc(0)
    }
    return ids
  }
}
