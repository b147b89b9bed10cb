/** Functions from a record to any number of records. */
import { type Key, str, type Value, type ValueType } from '../values.ts'
import { named, type Table } from './named.ts'

export interface ManyFunction {
  /** Their keys are text; `flatMapValues` takes only the values. */
  readonly apply: (value: Value, key: Key) => readonly (readonly [key: string, value: Value])[]
  readonly type: (value: ValueType) => ValueType
}

const manyFunctions: Table<ManyFunction> = {
  splitWords: () => ({
    apply: value => {
      const words = value === null ? [] : str(value).split(' ')
      return words.filter(word => word !== '').map(word => [word, word] as const)
    },
    type: () => 'string',
  }),
  repeat: ({ number }) => ({
    apply: (value, key) => Array.from({ length: number }, (_, i) => [`${str(key)}#${i}`, value] as const),
    type: value => value,
  }),
  upTo: () => ({
    apply: (value, key) =>
      Array.from({ length: Math.max(0, Number(value)) }, (_, i) => [str(key), i] as const),
    type: () => 'long',
  }),
}

export function manyFunction(spec: string): ManyFunction {
  return named('many function', manyFunctions, spec)
}
