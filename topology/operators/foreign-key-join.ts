/** The three places of a foreign-key join (nodes/foreign-keys.ts). */
import { KeyValueStore } from '../../state/index.ts'
import { changeOf, type TableView } from '../change.ts'
import type {
  ForeignKeyJoinNode,
  ForeignKeyLookupNode,
  ForeignKeySubscribeNode,
} from '../nodes/foreign-keys.ts'
import type { StreamRecord } from '../record.ts'
import { type Answer, answerOf, digestOf, type Instruction, subscriptionOf } from '../subscription.ts'
import type { Downstream, Operator, OutputPort } from './operator.ts'

/** Tells the right side what a left row refers to now, and that it no longer refers to what it did. */
export function foreignKeySubscribe(node: ForeignKeySubscribeNode, out: OutputPort): Operator {
  const digest = (value: unknown): Buffer | null =>
    value === null ? null : digestOf(node.value.serialize(value))
  const isSame = (a: unknown, b: unknown): boolean =>
    a !== null && b !== null && node.foreignKey.serialize(a).equals(node.foreignKey.serialize(b))

  return {
    process(record) {
      const { key, value } = record
      const { newValue, oldValue, isLatest } = changeOf(value)
      if (!isLatest || (newValue === null && oldValue === null)) return
      const before = oldValue === null ? null : (node.keyOf(oldValue, key) ?? null)
      const now = newValue === null ? null : (node.keyOf(newValue, key) ?? null)
      const send = (foreignKey: unknown, instruction: Instruction): void => {
        record.key = foreignKey
        record.value = { instruction, digest: digest(newValue), primaryKey: key }
        out.forward(record)
      }
      const moves = before !== null && !isSame(before, now)
      if (node.keepsLeft) {
        if (moves) send(before, 'unsubscribe')
        // Also without a foreign key: the answer says that there is no such row.
        send(now, 'answer')
      } else if (now === null) {
        if (before !== null) send(before, 'unsubscribeAndAnswer')
      } else {
        if (moves) send(before, 'unsubscribe')
        // A row that moves may have had a result, which has to go.
        send(now, moves ? 'answer' : 'answerIfFound')
      }
      record.key = key
      record.value = value
    },
  }
}

/** A left row's reference: kept at the right row it refers to, under both keys. */
interface Reference {
  readonly foreignKey: unknown
  readonly primaryKey: unknown
}

export type Subscriptions = KeyValueStore<Reference, Buffer>

/** By foreign key, so that all that refer to a row stand together: its length as uint32, itself, the primary key. */
export function subscriptions(node: ForeignKeyLookupNode): Subscriptions {
  const { foreignKey, primaryKey } = node
  return new KeyValueStore<Reference, Buffer>({
    name: node.store,
    key: {
      name: `reference:${foreignKey.name}:${primaryKey.name}`,
      serialize: reference =>
        Buffer.concat([prefixOf(node, reference.foreignKey), primaryKey.serialize(reference.primaryKey)]),
      deserialize: bytes => {
        const end = 4 + bytes.readUInt32BE()
        return {
          foreignKey: foreignKey.deserialize(bytes.subarray(4, end)),
          primaryKey: primaryKey.deserialize(bytes.subarray(end)),
        }
      },
    },
    value: { name: 'digest', serialize: digest => digest, deserialize: bytes => Buffer.from(bytes) },
  })
}

function prefixOf(node: ForeignKeyLookupNode, foreignKey: unknown): Buffer {
  const bytes = node.foreignKey.serialize(foreignKey)
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** Answers subscriptions, and each change of a right row to all that refer to it, in order of their keys. */
export function foreignKeyLookup(
  node: ForeignKeyLookupNode,
  options: { store: Subscriptions; right: TableView; out: OutputPort },
): readonly [subscriptions: Operator, right: Operator] {
  const { store, right, out } = options

  const answer = (record: StreamRecord, primaryKey: unknown, answer: Answer, time: number): void => {
    const { key, value, timestamp } = record
    record.key = primaryKey
    record.value = answer
    record.timestamp = time
    out.forward(record)
    record.key = key
    record.value = value
    record.timestamp = timestamp
  }

  const subscribed: Operator = {
    process(record) {
      const { key: foreignKey, timestamp } = record
      const { instruction, digest, primaryKey } = subscriptionOf(record.value)
      if (foreignKey !== null) {
        const reference = { foreignKey, primaryKey }
        if (instruction === 'answer' || instruction === 'answerIfFound')
          store.put(reference, digest ?? Buffer.alloc(0), timestamp)
        else store.delete(reference)
      }
      const found = foreignKey === null ? undefined : right.get(foreignKey)
      const time = Math.max(timestamp, found?.timestamp ?? -1)
      if (instruction === 'unsubscribeAndAnswer') answer(record, primaryKey, { digest, value: null }, time)
      else if (instruction === 'answer' || (instruction === 'answerIfFound' && found !== undefined))
        answer(record, primaryKey, { digest, value: found?.value ?? null }, time)
    },
  }

  const changed: Operator = {
    process(record) {
      const { newValue, isLatest } = changeOf(record.value)
      if (!isLatest) return
      for (const { key, value: digest } of store.scanPrefix(prefixOf(node, record.key)))
        answer(record, key.primaryKey, { digest, value: newValue }, record.timestamp)
    },
  }

  return [subscribed, changed]
}

/**
 * Joins an answer with the left row that asked for it. If the row has changed meanwhile, another answer is under way, and
 * this one is passed over; but a row that had no reference right before asks for an answer only if there is something to
 * join. Step by step, in an inner join: row `a1` has a result; it is deleted, and the answer to that is under way; it comes
 * back as `b1`, for which no answer comes, since there is no `b`; then the answer to the deletion meets a row that did not
 * ask for it. Passed over, it would leave the result of `a1` for ever, as it does in Kafka Streams. So where an answer
 * without a right row meets another row than the one that asked, there is no result if that row refers to nothing or is
 * gone; else it asks once more.
 *
 * The left table is an input only so that its contents are here.
 */
export function foreignKeyJoin(
  node: ForeignKeyJoinNode,
  options: { left: TableView; subscriptions: Downstream; out: OutputPort },
): readonly [answers: Operator, left: Operator] {
  const { left, subscriptions, out } = options

  const forward = (record: StreamRecord, key: unknown, to: Downstream, result: unknown): void => {
    const { key: primaryKey, value } = record
    record.key = key
    record.value = result
    to.forward(record)
    record.key = primaryKey
    record.value = value
  }

  const answers: Operator = {
    process(record) {
      const { key } = record
      const { digest, value: right } = answerOf(record.value)
      const row = left.get(key)
      const current = row === undefined ? null : digestOf(node.value.serialize(row.value))
      if (digest === null ? current === null : current?.equals(digest)) {
        const isJoined = row !== undefined && (right !== null || node.keepsLeft)
        forward(record, key, out, isJoined ? (node.joiner(row.value, right) ?? null) : null)
      } else if (right === null && !node.keepsLeft) {
        const foreignKey = row === undefined ? null : (node.keyOf(row.value, key) ?? null)
        if (foreignKey === null) forward(record, key, out, null)
        else
          forward(record, foreignKey, subscriptions, {
            instruction: 'answer',
            digest: current,
            primaryKey: key,
          })
      }
    },
  }
  return [answers, { process() {} }]
}
