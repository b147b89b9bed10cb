/** Predicates. Those over the value are false on null, unless null is what they ask for. */
import { innerKey, type Key, str, type Value } from '../values.ts'
import { named, type Table } from './named.ts'

export type Predicate = (value: Value, key: Key) => boolean

/** Over a value that is there. */
function over(test: (value: string | number) => boolean): Predicate {
  return value => value !== null && test(value)
}

const predicates: Table<Predicate> = {
  always: () => () => true,
  never: () => () => false,
  isNull: () => value => value === null,
  notNull: () => value => value !== null,
  keyNotNull: () => (_, key) => key !== null,
  keyIs:
    ({ text }) =>
    (_, key) =>
      key !== null && str(innerKey(key)) === text,
  keyStartsWith:
    ({ text }) =>
    (_, key) =>
      key !== null && str(innerKey(key)).startsWith(text),
  gt: ({ number }) => over(value => Number(value) > number),
  lt: ({ number }) => over(value => Number(value) < number),
  even: () => over(value => Number(value) % 2 === 0),
  eq: ({ text }) => over(value => str(value) === text),
  startsWith: ({ text }) => over(value => str(value).startsWith(text)),
  contains: ({ text }) => over(value => str(value).includes(text)),
}

export function predicate(spec: string): Predicate {
  return named('predicate', predicates, spec)
}
