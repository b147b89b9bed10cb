/**
 * How windowed keys become bytes: as Kafka's windowed serdes write them (KIP-393), numbers as 8 bytes big-endian. All windows
 * of a key are written to one partition, that of the key itself, where the table of windows has them too (Kafka Streams'
 * WindowedStreamPartitioner).
 */
import type { Serde } from './serde.ts'
import { lengthOf, type Windowed, type Windows } from './windows.ts'

/** For the keys of tables whose values are kept per window. */
export function windowedSerde<K>(key: Serde<K>, windows: Windows): Serde<Windowed<K>> {
  return windows.kind === 'session' ? sessionWindowedSerde(key) : timeWindowedSerde(key, lengthOf(windows))
}

/** Kafka's TimeWindowedSerde: key, start. The end is not written: it is `size` (milliseconds) after the start. */
export function timeWindowedSerde<K>(key: Serde<K>, size: number): Serde<Windowed<K>> {
  return {
    name: `time-windowed:${size}:${key.name}`,
    serialize: window => withTimes(key.serialize(window.key), [window.start]),
    deserialize: bytes => {
      const [inner, start] = splitTimes(bytes, 1)
      return { key: key.deserialize(inner), start: start!, end: start! + size }
    },
    partitionKey: bytes => splitTimes(bytes, 1)[0],
  }
}

/** Kafka's SessionWindowedSerde: key, end, start. */
export function sessionWindowedSerde<K>(key: Serde<K>): Serde<Windowed<K>> {
  return {
    name: `session-windowed:${key.name}`,
    serialize: window => withTimes(key.serialize(window.key), [window.end, window.start]),
    deserialize: bytes => {
      const [inner, end, start] = splitTimes(bytes, 2)
      return { key: key.deserialize(inner), start: start!, end: end! }
    },
    partitionKey: bytes => splitTimes(bytes, 2)[0],
  }
}

function withTimes(key: Buffer, times: readonly number[]): Buffer {
  const out = Buffer.allocUnsafe(key.length + 8 * times.length)
  key.copy(out)
  for (const [i, time] of times.entries()) out.writeBigInt64BE(BigInt(time), key.length + 8 * i)
  return out
}

function splitTimes(bytes: Buffer, count: number): [key: Buffer, ...times: number[]] {
  const length = bytes.length - 8 * count
  if (length < 0) throw new RangeError(`a windowed key has at least ${8 * count} bytes, not ${bytes.length}`)
  const times = Array.from({ length: count }, (_, i) => Number(bytes.readBigInt64BE(length + 8 * i)))
  return [bytes.subarray(0, length), ...times]
}
