import type { ErrorCode } from '../../errors.ts'
import { TickerError } from '../../errors.ts'

/** Errors of the connection: whether the broker did what was asked is not known. */
const connectionErrors: ReadonlySet<string> = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSLockTimeout',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSGroupCoordinatorNotFound',
])

/** Answers of a broker that is not ready, or no longer responsible: ask again, elsewhere if the metadata says so. */
const temporaryAnswers: ReadonlySet<string> = new Set([
  'BROKER_NOT_AVAILABLE',
  'CONCURRENT_TRANSACTIONS',
  'FENCED_LEADER_EPOCH',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'KAFKA_STORAGE_ERROR',
  'LEADER_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'NOT_CONTROLLER',
  'NOT_COORDINATOR_FOR_GROUP',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'NOT_LEADER_FOR_PARTITION',
  'OFFSET_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'REQUEST_TIMED_OUT',
  'UNKNOWN_LEADER_EPOCH',
  'UNSTABLE_OFFSET_COMMIT',
])

/** What Node and OpenSSL say of a certificate that is not trusted, as far as a person can do something about it. */
const distrust: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

const codes: Readonly<Record<string, ErrorCode>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'LOG_UNKNOWN_TOPIC',
  INVALID_TOPIC_EXCEPTION: 'LOG_UNKNOWN_TOPIC',
  MESSAGE_TOO_LARGE: 'LOG_RECORD_TOO_LARGE',
  RECORD_LIST_TOO_LARGE: 'LOG_RECORD_TOO_LARGE',
  CORRUPT_MESSAGE: 'LOG_CORRUPT',
  // A producer that was fenced is told that its epoch is old; so is one whose transaction the broker has given up.
  INVALID_PRODUCER_EPOCH: 'LOG_FENCED',
  INVALID_PRODUCER_ID_MAPPING: 'LOG_FENCED',
  TRANSACTION_COORDINATOR_FENCED: 'LOG_FENCED',
  FENCED_INSTANCE_ID: 'LOG_FENCED',
  REBALANCE_IN_PROGRESS: 'LOG_REBALANCED',
  ILLEGAL_GENERATION: 'LOG_REBALANCED',
  UNKNOWN_MEMBER_ID: 'LOG_REBALANCED',
  SASL_AUTHENTICATION_FAILED: 'LOG_UNAUTHENTICATED',
  UNSUPPORTED_SASL_MECHANISM: 'LOG_UNAUTHENTICATED',
  TOPIC_AUTHORIZATION_FAILED: 'LOG_FORBIDDEN',
  GROUP_AUTHORIZATION_FAILED: 'LOG_FORBIDDEN',
  CLUSTER_AUTHORIZATION_FAILED: 'LOG_FORBIDDEN',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'LOG_FORBIDDEN',
}

/** Kafka's name of an error that a broker answered with, such as `REBALANCE_IN_PROGRESS`. */
export function answerOf(error: unknown): string | undefined {
  for (const each of causes(error)) if ('type' in each && typeof each.type === 'string') return each.type
  return undefined
}

export function isConnectionError(error: unknown): boolean {
  return (
    answerOf(error) === undefined &&
    refusalOf(error) === undefined &&
    causes(error).some(each => connectionErrors.has(each.name))
  )
}

/** A connection that came to nothing because one side does not accept the other. */
function refusalOf(error: unknown): ErrorCode | undefined {
  for (const each of causes(error)) {
    if ('code' in each && typeof each.code === 'string' && distrust.has(each.code)) return 'LOG_UNTRUSTED'
    if (each.name === 'KafkaJSSASLAuthenticationError') return 'LOG_UNAUTHENTICATED'
  }
  return undefined
}

export function isTemporary(error: unknown): boolean {
  if (error instanceof TickerError) return false
  const answer = answerOf(error)
  return answer === undefined ? isConnectionError(error) : temporaryAnswers.has(answer)
}

export function isUnknownTopic(error: unknown): boolean {
  return answerOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION'
}

/** Whether the broker is still ending a transaction. */
export function isBusy(error: unknown): boolean {
  const answer = answerOf(error)
  return answer === 'CONCURRENT_TRANSACTIONS' || answer === 'UNSTABLE_OFFSET_COMMIT'
}

/** The innermost cause, in words. */
export function reasonOf(error: unknown): string {
  return causes(error).at(-1)?.message ?? String(error)
}

/** @param doing what was tried, to begin the message with */
export function toTickerError(error: unknown, doing: string): TickerError {
  if (error instanceof TickerError) return error
  const answer = answerOf(error)
  const code = (answer === undefined ? undefined : codes[answer]) ?? refusalOf(error)
  const message = `${doing}: ${answer === undefined ? '' : `${answer}, `}${reasonOf(error)}`
  return new TickerError(code ?? (isConnectionError(error) ? 'LOG_UNREACHABLE' : 'LOG_FAILED'), message, {
    cause: error,
  })
}

/** The error and what led to it: kafkajs wraps errors once it has given up. */
function causes(error: unknown): Error[] {
  const chain: Error[] = []
  for (let each = error; each instanceof Error && chain.length < 5; each = each.cause) chain.push(each)
  return chain
}
