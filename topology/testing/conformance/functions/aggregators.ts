/** Aggregators: an initial value, and how a record is added, taken away, and two sessions' results become one. */
import { innerKey, type Key, numberOf, str, type Value, type ValueType } from '../values.ts'
import { CaseError, named, type Table } from './named.ts'
import { without } from './reducers.ts'

export interface Aggregator {
  readonly initial: NonNullable<Value>
  readonly add: (soFar: Value, value: Value, key: Key) => Value
  readonly subtract: (soFar: Value, value: Value, key: Key) => Value
  readonly merge: (a: Value, b: Value) => Value
  readonly type: ValueType
}

type Step = (soFar: number, value: Value) => number | null

/** Over numbers; null counts as 0. A merge takes one of the two initial values away. */
function summing(options: { initial?: number; add: Step; subtract: Step }): Aggregator {
  const { initial = 0, add, subtract } = options
  return {
    initial,
    add: (a, v) => add(numberOf(a), v),
    subtract: (a, v) => subtract(numberOf(a), v),
    merge: (a, b) => numberOf(a) + numberOf(b) - initial,
    type: 'long',
  }
}

const plus: Step = (a, v) => a + numberOf(v)
const minus: Step = (a, v) => a - numberOf(v)

/** Items in a row, each closed by a semicolon. */
function listing(item: (value: Value, key: Key) => string): Aggregator {
  return {
    initial: '',
    add: (a, v, k) => `${a ?? ''}${item(v, k)};`,
    subtract: (a, v, k) => without(`${a ?? ''}`, `${item(v, k)};`),
    merge: (a, b) => `${a ?? ''}${b ?? ''}`,
    type: 'string',
  }
}

function setOf(text: Value): readonly string[] {
  return text === null || text === '' ? [] : str(text).split(',')
}

/** Array's own order of strings is that of their UTF-16 code units. */
function sorted(items: readonly string[]): string {
  return [...new Set(items)].sort().join(',')
}

/** A mean as `sum/count`. */
function mean(a: Value, sum: number, count: number): string {
  const [soFar, counted] = str(a ?? '0/0')
    .split('/')
    .map(Number)
  return `${soFar! + sum}/${counted! + count}`
}

const aggregators: Table<Aggregator> = {
  sum: () => summing({ add: plus, subtract: minus }),
  countLong: () => summing({ add: a => a + 1, subtract: a => a - 1 }),
  sumFrom: ({ number }) => summing({ initial: number, add: plus, subtract: minus }),
  sumOrReset: () => summing({ add: (a, v) => (numberOf(v) < 0 ? null : a + numberOf(v)), subtract: minus }),
  concat: () => listing(str),
  keyedConcat: () => listing((value, key) => `${str(innerKey(key))}:${str(value)}`),
  distinct: () => ({
    initial: '',
    add: (a, v) => sorted([...setOf(a), str(v)]),
    subtract: () => {
      throw new CaseError('the aggregator distinct cannot take a value away')
    },
    merge: (a, b) => sorted([...setOf(a), ...setOf(b)]),
    type: 'string',
  }),
  mean: () => ({
    initial: '0/0',
    add: (a, v) => mean(a, numberOf(v), 1),
    subtract: (a, v) => mean(a, -numberOf(v), -1),
    merge: (a, b) => {
      const [sum, count] = str(b ?? '0/0')
        .split('/')
        .map(Number)
      return mean(a, sum!, count!)
    },
    type: 'string',
  }),
}

export function aggregator(spec: string): Aggregator {
  return named('aggregator', aggregators, spec)
}
