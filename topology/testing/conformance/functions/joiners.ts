/** Joiners: what a left and a right value make together. */
import { type Key, numberOf, str, type Value, type ValueType } from '../values.ts'
import { named, type Table } from './named.ts'

export interface Joiner {
  readonly apply: (left: Value, right: Value, key: Key) => Value
  readonly type: (left: ValueType, right: ValueType) => ValueType
}

const joiners: Table<Joiner> = {
  concat: () => ({ apply: (l, r) => `${str(l)}+${str(r)}`, type: () => 'string' }),
  keyConcat: () => ({ apply: (l, r, k) => `${str(k)}:${str(l)}+${str(r)}`, type: () => 'string' }),
  sum: () => ({ apply: (l, r) => numberOf(l) + numberOf(r), type: () => 'long' }),
  left: () => ({ apply: l => l, type: l => l }),
  right: () => ({ apply: (_, r) => r, type: (_, r) => r }),
}

export function joiner(spec: string): Joiner {
  return named('joiner', joiners, spec)
}
