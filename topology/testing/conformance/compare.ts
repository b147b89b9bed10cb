/**
 * Is what came out what should have? Strictly: each topic's records in order. Leniently, per topic and step: the same
 * records, and for each key the same order, because the order across keys may be that of a store. Or the final stores
 * alone: how updates are batched on the way must make no difference to them.
 */
import type { CaseKey, OutputRecord, StoreEntry } from './case.ts'

export type Level = 'strict' | 'lenient' | 'stores'

/** What a run puts out, or should. A topic, log or store without records may be absent or empty. */
export interface Outcome {
  readonly output: Readonly<Record<string, readonly OutputRecord[]>>
  readonly peeked: Readonly<Record<string, readonly PeekedRecord[]>>
  readonly stores: Readonly<Record<string, readonly StoreEntry[]>>
}

export type PeekedRecord = readonly [at: number, key: CaseKey, value: string | number | null]

/** The first record that differs: at the earliest step, the final stores last. */
export interface Difference {
  /** `topic out`, `log seen`, `store agg`. */
  readonly where: string
  /** The input step: of the expected record or of the actual one, whichever is earlier; absent in a store. */
  readonly step: number | undefined
  /** Place in the list, from 0. */
  readonly index: number
  /** Absent where there is a record too many. */
  readonly expected?: Row
  /** Absent where a record is missing. */
  readonly actual?: Row
}

export type Row = OutputRecord | PeekedRecord | StoreEntry

/** Answers with the first difference, undefined if there is none. */
export function compare(expected: Outcome, actual: Outcome, level: Level): Difference | undefined {
  const [store] = differences('store', expected.stores, actual.stores, inOrder)
  if (level === 'stores') return store
  const arrange = level === 'strict' ? inOrder : perKey
  const found = [
    ...differences('topic', expected.output, actual.output, arrange),
    ...differences('log', expected.peeked, actual.peeked, arrange),
  ]
  found.sort((a, b) => a.step! - b.step!)
  return found[0] ?? store
}

function differences<R extends Row>(
  what: 'topic' | 'log' | 'store',
  expected: Readonly<Record<string, readonly R[]>>,
  actual: Readonly<Record<string, readonly R[]>>,
  arrange: (records: readonly R[]) => readonly R[],
): Difference[] {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(actual)])]
  return names.flatMap(name => {
    const wanted = arrange(expected[name] ?? [])
    const found = arrange(actual[name] ?? [])
    const longer = wanted.length > found.length ? wanted : found
    const index = longer.findIndex((_, i) => text(wanted[i]) !== text(found[i]))
    if (index < 0) return []
    const steps = [wanted[index], found[index]].flatMap(row => (row === undefined ? [] : [Number(row[0])]))
    const step = what === 'store' ? undefined : Math.min(...steps)
    return [{ where: `${what} ${name}`, step, index, expected: wanted[index], actual: found[index] }]
  })
}

function inOrder<R extends Row>(records: readonly R[]): readonly R[] {
  return records
}

/** By step, then key, otherwise as they came: equal lists are what lenient comparison asks for. */
function perKey<R extends Row>(records: readonly R[]): readonly R[] {
  const order = (a: R, b: R): number => {
    if (a[0] !== b[0]) return Number(a[0]) - Number(b[0])
    const [left, right] = [text(a[1]), text(b[1])]
    return left < right ? -1 : left > right ? 1 : 0
  }
  return [...records].sort(order)
}

/**
 * JSON writes each double as the shortest text that reads as it, so equal text is equality of doubles; but it knows no
 * infinity.
 */
function text(row: unknown): string {
  const number = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isFinite(value) ? `${value} (a number)` : value
  return JSON.stringify(row, number) ?? 'none'
}
