/** A request of Kafka's protocol with the decoder of its answer (kafka.apache.org/protocol). */
export interface Request<T> {
  readonly apiKey: number
  readonly apiVersion: number
  readonly apiName: string
  /** What follows client id in the request. */
  readonly body: Buffer
  /** Reads what follows the correlation id in the answer. Throws the error that the answer holds. */
  decode(answer: Buffer): T | Promise<T>
  /** Milliseconds. */
  readonly timeout?: number
}
