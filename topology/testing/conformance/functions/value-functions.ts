/** Functions from a record to its new value. They give null for null, unless they are for it. */
import { floorModulus, type Key, numberOf, str, type Value, type ValueType } from '../values.ts'
import { named, type Table } from './named.ts'

export interface ValueFunction {
  readonly apply: (value: Value, key: Key) => Value
  /** The type of its results, given that of the values. */
  readonly type: (value: ValueType) => ValueType
}

type Result = ValueType | 'same'

function any(result: Result, apply: (value: Value, key: Key) => Value): ValueFunction {
  return { apply, type: value => (result === 'same' ? value : result) }
}

/** For a value that is there. */
function some(result: Result, apply: (value: string | number) => Value): ValueFunction {
  return any(result, value => (value === null ? null : apply(value)))
}

/** The i-th part between bars; null if it is missing or empty. */
export function field(value: string | number, i: number): string | null {
  return str(value).split('|')[i] || null
}

const valueFunctions: Table<ValueFunction> = {
  same: () => some('same', value => value),
  upper: () => some('string', value => str(value).toUpperCase()),
  append: ({ text }) => some('string', value => str(value) + text),
  first: ({ number }) => some('string', value => str(value).slice(0, number)),
  length: () => some('long', value => str(value).length),
  parseLong: () => some('long', value => Number(value)),
  add: ({ number }) => some('long', value => numberOf(value) + number),
  mul: ({ number }) => some('long', value => numberOf(value) * number),
  mod: ({ number }) => some('long', value => floorModulus(numberOf(value), number)),
  half: () => some('double', value => numberOf(value) / 2),
  ratio: () =>
    some('double', value => {
      const [a, b] = str(value).split('/').map(Number)
      return a! / b!
    }),
  nullIf: ({ text }) => some('same', value => (str(value) === text ? null : value)),
  nullIfGt: ({ number }) => some('long', value => (numberOf(value) > number ? null : value)),
  field: ({ number }) => some('string', value => field(value, number)),
  str: () => any('string', value => str(value)),
  orElse: ({ text }) => any('string', value => value ?? text),
  keyAndValue: () => any('string', (value, key) => `${str(key)}=${str(value)}`),
  one: () => any('long', () => 1),
}

export function valueFunction(spec: string): ValueFunction {
  return named('value function', valueFunctions, spec)
}
