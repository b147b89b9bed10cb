/** What the two sides of a foreign-key join tell each other, through repartition topics. */
import { createHash } from 'node:crypto'
import type { Serde } from './serde.ts'

/** What is to be done with a subscription, and what is to be answered to it. */
export const instructions = ['unsubscribe', 'unsubscribeAndAnswer', 'answer', 'answerIfFound'] as const
export type Instruction = (typeof instructions)[number]

/** A left row that refers to a right one. The record's key is the foreign key, null for none. */
export interface Subscription {
  readonly instruction: Instruction
  /** Of the left value; an answer to another one than the row has by then is not used. Null: the row is deleted. */
  readonly digest: Buffer | null
  readonly primaryKey: unknown
}

/** The right row's value, for a left row: the record's key. */
export interface Answer {
  readonly digest: Buffer | null
  /** Null: there is no such row. */
  readonly value: unknown
}

const DIGEST_LENGTH = 16
const NO_DIGEST = Buffer.alloc(DIGEST_LENGTH)

/** Tells the values of a row apart. */
export function digestOf(value: Buffer): Buffer {
  return createHash('sha256').update(value).digest().subarray(0, DIGEST_LENGTH)
}

/** Instruction and whether there is a digest: a byte each; the digest; the primary key. */
export function subscriptionSerde(primaryKey: Serde<unknown>): Serde<Subscription> {
  return {
    name: `subscription-1:${primaryKey.name}`,
    serialize: ({ instruction, digest, primaryKey: key }) =>
      Buffer.concat([
        Buffer.of(instructions.indexOf(instruction), digest === null ? 0 : 1),
        digest ?? NO_DIGEST,
        primaryKey.serialize(key),
      ]),
    deserialize: bytes => {
      const instruction = instructions[bytes.readUInt8()]
      if (instruction === undefined) throw new RangeError(`a subscription has no instruction ${bytes[0]}`)
      return {
        instruction,
        digest: digestIn(bytes, 1),
        primaryKey: primaryKey.deserialize(bytes.subarray(2 + DIGEST_LENGTH)),
      }
    },
  }
}

/** Whether there is a digest and a value: a byte each; the digest; the value. */
export function answerSerde(value: Serde<unknown>): Serde<Answer> {
  return {
    name: `answer-1:${value.name}`,
    serialize: ({ digest, value: found }) =>
      Buffer.concat([
        Buffer.of(found === null ? 0 : 1, digest === null ? 0 : 1),
        digest ?? NO_DIGEST,
        found === null ? Buffer.alloc(0) : value.serialize(found),
      ]),
    deserialize: bytes => ({
      digest: digestIn(bytes, 1),
      value: bytes.readUInt8() === 0 ? null : value.deserialize(bytes.subarray(2 + DIGEST_LENGTH)),
    }),
  }
}

function digestIn(bytes: Buffer, flagAt: number): Buffer | null {
  if (bytes.readUInt8(flagAt) === 0) return null
  return Buffer.from(bytes.subarray(flagAt + 1, flagAt + 1 + DIGEST_LENGTH))
}

/** The records' values, which on these edges are such. The graph guarantees it: only the join's own nodes are there. */
export function subscriptionOf(value: unknown): Subscription {
  return value as Subscription
}

export function answerOf(value: unknown): Answer {
  return value as Answer
}
