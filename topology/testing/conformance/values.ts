/** What the records of the cases hold: text, whole numbers, doubles, null; and keys that may be windowed. */
import { deserializing, readerOf } from '../../../state/coder.ts'
import { double, long, type Serde, string } from '../../serde.ts'
import type { Windowed } from '../../windows.ts'

export type Value = string | number | null
export type WindowedKey = Windowed<Value>
export type Key = Value | WindowedKey

/** How a value is serialized. */
export type ValueType = 'string' | 'long' | 'double'

/** How a key is serialized: the type of the grouped key, inside a window or not. */
export interface KeyType {
  readonly inner: ValueType
  readonly windowed: boolean
}

export function isWindowed(key: Key): key is WindowedKey {
  return typeof key === 'object' && key !== null
}

/** The key inside a windowed key; any other key as it is. */
export function innerKey(key: Key): Value {
  return isWindowed(key) ? key.key : key
}

/** Text as it is, numbers in decimal, null is `null`, a windowed key is `key@start-end`. */
export function str(x: Key): string {
  return isWindowed(x) ? `${str(x.key)}@${x.start}-${x.end}` : String(x)
}

/** As a number, where null counts as 0. */
export function numberOf(x: Value): number {
  if (typeof x === 'string') throw new TypeError(`${JSON.stringify(x)} where a number is expected`)
  return x ?? 0
}

/** The remainder of division towards minus infinity, so that it is never negative. */
export function floorModulus(a: number, n: number): number {
  return ((a % n) + n) % n
}

function numeric(serde: Serde<number>): Serde<string | number> {
  return {
    name: serde.name,
    serialize: value => serde.serialize(numberOf(value)),
    deserialize: serde.deserialize,
  }
}

function textual(serde: Serde<string>): Serde<string | number> {
  return {
    name: serde.name,
    serialize: value => {
      if (typeof value !== 'string') throw new TypeError(`${value} where text is expected`)
      return serde.serialize(value)
    },
    deserialize: serde.deserialize,
  }
}

const scalars: Readonly<Record<ValueType, Serde<string | number>>> = {
  string: textual(string),
  long: numeric(long),
  double: numeric(double),
}

export function valueSerde(type: ValueType): Serde<string | number> {
  return scalars[type]
}

/** A windowed key's bytes are those of the inner key, then start and end, 8 bytes each. */
export function keySerde(type: KeyType): Serde<NonNullable<Key>> {
  const scalar = scalars[type.inner]
  const read = readerOf(scalar)
  return {
    name: type.windowed ? `windowed-${scalar.name}` : scalar.name,
    serialize: key => {
      if (isWindowed(key) !== type.windowed) throw new TypeError(`${str(key)} where no such key is expected`)
      if (!isWindowed(key)) return scalar.serialize(key)
      if (key.key === null) throw new TypeError('a windowed key without a key')
      return Buffer.concat([scalar.serialize(key.key), long.serialize(key.start), long.serialize(key.end)])
    },
    deserialize: deserializing((bytes, at, end) => {
      if (!type.windowed) return read(bytes, at, end)
      return {
        key: read(bytes, at, end - 16),
        start: long.deserialize(bytes.subarray(end - 16, end - 8)),
        end: long.deserialize(bytes.subarray(end - 8, end)),
      }
    }),
  }
}
