/**
 * Dead letters: records that could not be processed, kept as they were with the reason in headers. The names follow
 * KIP-1034's dead-letter queue; `code` is this engine's.
 */
import type { Headers, ProducerRecord } from './log/log.ts'
import type { DeadLetter } from './partition-group.ts'

export const deadLetterHeaders = {
  code: '__streams.errors.code',
  message: '__streams.errors.message',
  topic: '__streams.errors.topic',
  partition: '__streams.errors.partition',
  offset: '__streams.errors.offset',
} as const

/** The record to put into the dead-letter topic: the original's key, value, timestamp and headers, and the reason. */
export function deadLetterRecord(letter: DeadLetter, topic: string): ProducerRecord {
  const reason: Headers = [
    [deadLetterHeaders.code, Buffer.from(letter.code)],
    [deadLetterHeaders.message, Buffer.from(letter.message)],
    [deadLetterHeaders.topic, Buffer.from(letter.topic)],
    [deadLetterHeaders.partition, Buffer.from(String(letter.partition))],
    [deadLetterHeaders.offset, Buffer.from(String(letter.offset))],
  ]
  return {
    topic,
    partition: 0,
    key: letter.key,
    value: letter.value,
    timestamp: Math.max(0, letter.timestamp),
    headers: [...letter.headers, ...reason],
  }
}
