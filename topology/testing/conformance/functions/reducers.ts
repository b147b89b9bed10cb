/** Reducers: what a value so far and a new one make together. A null result deletes the entry. */
import { numberOf, str, type Value, type ValueType } from '../values.ts'
import { named, type Table } from './named.ts'

export interface Reducer {
  readonly apply: (soFar: Value, value: Value) => Value
  readonly type: (value: ValueType) => ValueType
}

function same(apply: Reducer['apply']): Reducer {
  return { apply, type: value => value }
}

function text(apply: (soFar: string, value: string) => string): Reducer {
  return { apply: (a, b) => apply(str(a), str(b)), type: () => 'string' }
}

const reducers: Table<Reducer> = {
  sum: () => same((a, b) => numberOf(a) + numberOf(b)),
  subtract: () => same((a, b) => numberOf(a) - numberOf(b)),
  min: () => same((a, b) => Math.min(numberOf(a), numberOf(b))),
  max: () => same((a, b) => Math.max(numberOf(a), numberOf(b))),
  concat: () => text((a, b) => a + b),
  remove: () => text(without),
  last: () => same((_, b) => b),
  keep: () => same(a => a),
  nullIfEqual: () => same((a, b) => (a === b ? null : b)),
}

/** `all` without the first occurrence of `part`. */
export function without(all: string, part: string): string {
  const at = all.indexOf(part)
  return at < 0 ? all : all.slice(0, at) + all.slice(at + part.length)
}

export function reducer(spec: string): Reducer {
  return named('reducer', reducers, spec)
}
