/** Holds a table's updates back, so that only the last one of each key comes out (KIP-328). */
import { type Coder, SuppressionBuffer } from '../../state/index.ts'
import { changeOf, type TableView } from '../change.ts'
import { TickerError } from '../errors.ts'
import { decodeHeaders, encodeHeaders } from '../headers.ts'
import type { Headers } from '../log/log.ts'
import type { SuppressNode } from '../nodes/tables.ts'
import type { StreamRecord } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { Downstream, Operator } from './operator.ts'

/** A key's last update, and the value that what follows knows of. */
interface Held {
  readonly value: unknown
  readonly before: unknown
  readonly timestamp: number
  readonly headers: Headers
}

export type HeldBuffer = SuppressionBuffer<unknown, Held>

export function suppressionBuffer({ store, maxBytes }: SuppressNode): HeldBuffer {
  const { name, key, value } = store
  return new SuppressionBuffer({ name, key, entry: heldUpdate(value), measured: maxBytes !== undefined })
}

/**
 * An update comes out when the greatest timestamp of those that came in reaches its time: that of its key's first one held,
 * or its window's end, plus the wait; with its own timestamp and headers.
 */
export function suppress(node: SuppressNode, options: { buffer: HeldBuffer; out: Downstream }): Operator {
  const { buffer, out } = options
  const { maxRecords = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = node
  const isFull = (): boolean => buffer.size > maxRecords || buffer.bytes > maxBytes

  /** Hands on the first ones in order, as long as they are due. */
  const release = (record: StreamRecord, isDue: (time: number) => boolean): void => {
    const { key, value, timestamp, headers } = record
    for (let first = buffer.first(); first !== undefined && isDue(first.time); first = buffer.first()) {
      const { entry } = first
      // A window that was never handed on needs no deletion.
      if (entry.value !== null || !node.isFinal) {
        record.key = first.key
        record.value = {
          newValue: entry.value,
          oldValue: node.sendsOldValues ? entry.before : null,
          isLatest: true,
        }
        record.timestamp = entry.timestamp
        record.headers = entry.headers
        out.forward(record)
      }
      buffer.delete(first.key)
    }
    record.key = key
    record.value = value
    record.timestamp = timestamp
    record.headers = headers
  }

  return {
    process(record) {
      const { key, timestamp, headers } = record
      const { newValue, oldValue } = changeOf(record.value)
      const held = buffer.get(key)
      const before = held === undefined ? oldValue : held.before
      buffer.observe(timestamp)
      buffer.put(key, node.timeOf(key, timestamp), { value: newValue, before, timestamp, headers })
      release(record, time => time <= buffer.streamTime - node.wait)
      if (!isFull()) return
      if (node.onFull === 'shutDown') {
        throw new TickerError(
          'SUPPRESSION_FULL',
          `${node.name} holds ${buffer.size} updates of at most ${maxRecords}, ${buffer.bytes} bytes of ${maxBytes}`,
        )
      }
      release(record, isFull)
    },
  }
}

/** The table as those after the suppression know it. When a value held back was made is not known. */
export function suppressedView(buffer: HeldBuffer, parent: TableView): TableView {
  return {
    get(key) {
      const held = buffer.get(key)
      if (held === undefined) return parent.get(key)
      return held.before === null ? undefined : { value: held.before, timestamp: -1 }
    },
  }
}

const HAS_VALUE = 1
const HAS_BEFORE = 2

/** float64 timestamp, which values there are as a byte, the headers, uint32 length of the value, both values. */
function heldUpdate(value: Serde<unknown>): Coder<Held> {
  const serialized = (each: unknown): Buffer => (each === null ? Buffer.alloc(0) : value.serialize(each))
  return {
    name: `held(${value.name})`,
    serialize(held) {
      const start = Buffer.allocUnsafe(9)
      start.writeDoubleBE(held.timestamp)
      start.writeUInt8((held.value === null ? 0 : HAS_VALUE) | (held.before === null ? 0 : HAS_BEFORE), 8)
      const now = serialized(held.value)
      const length = Buffer.allocUnsafe(4)
      length.writeUInt32BE(now.length)
      return Buffer.concat([start, encodeHeaders(held.headers), length, now, serialized(held.before)])
    },
    deserialize(bytes) {
      const has = bytes.readUInt8(8)
      const { headers, rest } = decodeHeaders(bytes.subarray(9))
      const end = 4 + rest.readUInt32BE()
      return {
        value: has & HAS_VALUE ? value.deserialize(rest.subarray(4, end)) : null,
        before: has & HAS_BEFORE ? value.deserialize(rest.subarray(end)) : null,
        timestamp: bytes.readDoubleBE(),
        headers,
      }
    },
  }
}
