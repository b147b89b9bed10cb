/** A value and its timestamp, as Kafka Streams' timestamped stores write them: int64 big-endian, then the value (KIP-258). */
import type { Coder } from './coder.ts'

export interface Timestamped<V> {
  readonly value: V
  /** Event time, ms. */
  readonly timestamp: number
}

export function encodeTimestamped<V>(coder: Coder<V>, { value, timestamp }: Timestamped<V>): Buffer {
  const bytes = coder.serialize(value)
  const out = Buffer.allocUnsafe(8 + bytes.length)
  out.writeBigInt64BE(BigInt(timestamp))
  bytes.copy(out, 8)
  return out
}

export function decodeTimestamped<V>(coder: Coder<V>, bytes: Buffer): Timestamped<V> {
  return { value: coder.deserialize(bytes.subarray(8)), timestamp: Number(bytes.readBigInt64BE()) }
}
