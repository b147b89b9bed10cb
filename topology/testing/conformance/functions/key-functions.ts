/** Functions from a record to its new key. Those over the value give null for null. */
import {
  floorModulus,
  innerKey,
  type Key,
  type KeyType,
  numberOf,
  str,
  type Value,
  type ValueType,
} from '../values.ts'
import { named, type Table } from './named.ts'
import { field } from './value-functions.ts'

export interface KeyFunction {
  readonly apply: (value: Value, key: Key) => Key
  /** The type of its results, given those of key and value. */
  readonly type: (key: KeyType, value: ValueType) => KeyType
}

const text: KeyType = { inner: 'string', windowed: false }

/** Over a value that is there, giving text. */
function over(apply: (value: string | number) => string | null): KeyFunction {
  return { apply: value => (value === null ? null : apply(value)), type: () => text }
}

/** Over the key, giving text. */
function overKey(apply: (key: Key) => string | null): KeyFunction {
  return { apply: (_, key) => apply(key), type: () => text }
}

const keyFunctions: Table<KeyFunction> = {
  same: () => ({ apply: (_, key) => key, type: key => key }),
  value: () => ({ apply: value => value, type: (_, value) => ({ inner: value, windowed: false }) }),
  firstChar: () => over(value => str(value).slice(0, 1)),
  prefix: ({ number }) => over(value => str(value).slice(0, number)),
  field: ({ number }) => over(value => field(value, number)),
  nullIf: argument => over(value => (str(value) === argument.text ? null : str(value))),
  bucket: ({ number }) => over(value => `b${floorModulus(numberOf(value), number)}`),
  keyPrefix: ({ number }) =>
    overKey(key => {
      const inner = innerKey(key)
      return inner === null ? null : str(inner).slice(0, number)
    }),
  keySuffix: argument => overKey(key => (key === null ? null : str(key) + argument.text)),
  innerKey: () => ({
    apply: (_, key) => innerKey(key),
    type: key => ({ inner: key.inner, windowed: false }),
  }),
  windowStr: () => overKey(str),
  const: argument => overKey(() => argument.text),
  null: () => overKey(() => null),
}

export function keyFunction(spec: string): KeyFunction {
  return named('key function', keyFunctions, spec)
}
