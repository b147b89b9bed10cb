/**
 * A value and its timestamp, as Kafka Streams' timestamped stores write them: int64 big-endian, then the value (KIP-258).
 * No timestamp in milliseconds needs the first byte, which is the number of the value's layout: 0 for the first one.
 */
import { type Coder, writeInt64 } from './coder.ts'
import { decodeNumbered, layoutNumber } from './numbered-values.ts'

export interface Timestamped<V> {
  readonly value: V
  /** Event time, ms. */
  readonly timestamp: number
}

/** The first byte of a timestamp before 1970. */
const NEGATIVE = 0xff

export function encodeTimestamped<V>(coder: Coder<V>, { value, timestamp }: Timestamped<V>): Buffer {
  const bytes = coder.serialize(value)
  const out = Buffer.allocUnsafe(8 + bytes.length)
  writeInt64(out, timestamp, 0)
  const number = layoutNumber(coder)
  if (number > 0) out[0] = number
  bytes.copy(out, 8)
  return out
}

/** What lies from `at` to before `end`. @throws StateError STATE_TOO_NEW, or what the coder throws */
export function decodeTimestamped<V>(
  coder: Coder<V>,
  bytes: Buffer,
  at = 0,
  end = bytes.length,
): Timestamped<V> {
  const number = bytes[at] === NEGATIVE ? 0 : bytes[at]!
  // The upper 24 of the remaining 56 bits, with their sign.
  const high = (bytes.readInt32BE(at) << 8) >> 8
  return {
    value: decodeNumbered(coder, number, bytes, at + 8, end),
    timestamp: high * 0x1_0000_0000 + bytes.readUInt32BE(at + 4),
  }
}
