/**
 * A stream's records joined with what a table holds for their key: of a versioned table, what it held at their time
 * (KIP-914). With a grace, records wait in a buffer until the stream has gone on by so much, so that a table that
 * is late has caught up.
 */
import { type Coder, WindowStore } from '../../state/index.ts'
import type { TableView } from '../change.ts'
import { decodeHeaders, encodeHeaders } from '../headers.ts'
import type { Headers } from '../log/log.ts'
import type { JoinWait, StreamTableJoinNode } from '../nodes/joins.ts'
import type { StreamRecord } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { TaskCounts } from './context.ts'
import type { Operator, OutputPort } from './operator.ts'

/** A record that waits; its key and timestamp are its place in the buffer. */
interface Waiting {
  readonly value: unknown
  readonly headers: Headers
}

export type JoinBuffer = WindowStore<unknown, Waiting>

export function joinBuffer({ store, key, value }: JoinWait): JoinBuffer {
  const options = { name: store, key, value: waiting(value), retainDuplicates: true }
  // What waits is deleted when it comes out, and never before.
  return new WindowStore({ ...options, retention: Number.POSITIVE_INFINITY })
}

export interface StreamTableJoinOptions {
  readonly table: TableView
  readonly buffer: JoinBuffer | undefined
  readonly out: OutputPort
  readonly counts: TaskCounts
}

/** The operators of the stream and of the table: the table's updates are seen in its view, when a record asks. */
export function streamTableJoin(
  node: StreamTableJoinNode,
  options: StreamTableJoinOptions,
): readonly [Operator, Operator] {
  const { table, buffer, out, counts } = options
  const grace = node.wait?.grace ?? 0

  const join = (record: StreamRecord): void => {
    const { key, value, timestamp } = record
    const found = table.get(key, timestamp)
    if (found === undefined && !node.keepsUnmatched) return
    record.value = node.joiner(value, found?.value ?? null, key)
    out.forward(record)
    record.value = value
  }

  /** What has waited long enough, by timestamp, then key bytes, then arrival. */
  const release = (record: StreamRecord, buffer: JoinBuffer): void => {
    const { key, value, timestamp, headers } = record
    const due = buffer.fetchAll(Number.NEGATIVE_INFINITY, buffer.observedTime - grace)
    for (const entry of due) {
      buffer.delete(entry.key, entry.start)
      record.key = entry.key
      record.value = entry.value.value
      record.timestamp = entry.start
      record.headers = entry.value.headers
      join(record)
    }
    record.key = key
    record.value = value
    record.timestamp = timestamp
    record.headers = headers
  }

  const stream: Operator = {
    process(record) {
      const { key, value, timestamp, headers } = record
      if (value === null) return
      if (key === null) {
        if (!node.keepsUnmatched) {
          counts.keyless++
          return
        }
        record.value = node.joiner(value, null, key)
        out.forward(record)
        record.value = value
      } else if (buffer === undefined || timestamp < buffer.observedTime - grace) {
        join(record)
      } else {
        buffer.put(key, timestamp, { value, headers }, timestamp)
        release(record, buffer)
      }
    },
  }
  return [stream, { process() {} }]
}

/** The headers, then the record's value. */
function waiting(value: Serde<unknown>): Coder<Waiting> {
  return {
    name: `waiting(${value.name})`,
    serialize: record => Buffer.concat([encodeHeaders(record.headers), value.serialize(record.value)]),
    deserialize: bytes => {
      const { headers, rest } = decodeHeaders(bytes)
      return { headers, value: value.deserialize(rest) }
    },
  }
}
