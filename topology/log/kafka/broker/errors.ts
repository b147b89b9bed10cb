/** What can go wrong with the development broker, and what to do. */
const table = {
  JAVA_MISSING: 'Install Java 17 or later, or name a broker that runs elsewhere with --brokers.',
  MAVEN_MISSING: 'Install Maven (mvn): it fetches Kafka from Maven Central, once.',
  BROKER_DOWNLOAD_FAILED: 'Check the network and the settings of Maven, then try again.',
  BROKER_FAILED: 'Read broker.log in its data directory.',
  BROKER_RUNNING: 'Stop it first (tickerwatch broker stop), or name another state directory with --state.',
} as const

export type BrokerErrorCode = keyof typeof table

export class BrokerError extends Error {
  readonly code: BrokerErrorCode
  constructor(code: BrokerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'BrokerError'
    this.code = code
  }

  get remedy(): string {
    return table[this.code]
  }
}
