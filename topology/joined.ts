/** What a join is given besides its two sides, and the nodes made of it. */
import type { Serdes } from './builder.ts'
import { type Duration, milliseconds, signedMilliseconds } from './duration.ts'
import { TickerError } from './errors.ts'
import type { Output } from './graph.ts'
import type { Partitioned } from './grouped.ts'
import type { GlobalJoinNode, StreamJoinNode, StreamTableJoinNode } from './nodes/joins.ts'
import type { Serde } from './serde.ts'

/** How a stream is joined with a stream: which records meet, and how what waits for its partner is serialized. */
export interface StreamJoined<K, V, W> extends Serdes<K, V> {
  /** How much earlier than a left record its partner may be. May be negative, for one that must be later. */
  readonly before: Duration
  /** How much later; `before + after` must not be negative. */
  readonly after: Duration
  /** How long after the end of its window a record still finds its partner. */
  readonly grace: Duration
  /** Of the right stream, where it no longer knows it. */
  readonly otherValue?: Serde<NonNullable<W>>
}

/** How a stream is joined with a table. */
export interface TableJoined<K, V> extends Serdes<K, V> {
  /** How long records wait for the table to catch up with their time. Needs a table with at least so much history. */
  readonly grace?: Duration
}

/** How a stream is joined with a global table: by which of its keys. */
export interface GlobalJoined<K, V, L> {
  /** Null for none. */
  tableKey(value: NonNullable<V>, key: K): L | null
}

/** Milliseconds. @throws TickerError TOPOLOGY_JOIN_WINDOW_INVALID */
export function joinWindow(
  name: string,
  { before, after, grace }: Partial<StreamJoined<unknown, unknown, unknown>>,
): { readonly before: number; readonly after: number; readonly grace: number } {
  if (before === undefined || after === undefined || grace === undefined) {
    throw new TickerError('TOPOLOGY_JOIN_WINDOW_INVALID', `${name}: before, after or grace is missing`)
  }
  const window = {
    before: signedMilliseconds(before, `${name}, before`),
    after: signedMilliseconds(after, `${name}, after`),
    grace: milliseconds(grace, `${name}, grace`),
  }
  if (window.before + window.after < 0) {
    throw new TickerError(
      'TOPOLOGY_JOIN_WINDOW_INVALID',
      `${name}: the window from ${-window.before} ms to ${window.after} ms ends before it begins`,
    )
  }
  return window
}

/** Whose records come out if they meet nothing. */
export interface Keeps {
  readonly left: boolean
  readonly right: boolean
}

/** Whatever a join may be given, as the handles' implementation sees it. */
export interface JoinOptions<K, V> extends Partial<StreamJoined<K, V, unknown>> {
  tableKey?(value: unknown, key: unknown): unknown
}

/** Any of the joiners that the overloads take. */
export type Joiner = (left: never, right: never, key: never) => unknown

/** @throws TickerError TOPOLOGY_JOIN_WINDOW_INVALID, TOPOLOGY_SERDE_MISSING */
export function joinsStreams(
  name: string,
  keeps: Keeps,
  left: Partitioned<unknown, unknown>,
  right: Partitioned<unknown, unknown>,
  joiner: Joiner,
  window: Partial<StreamJoined<unknown, unknown, unknown>>,
): StreamJoinNode {
  return {
    kind: 'streamJoin',
    name,
    inputs: [left.from, right.from],
    ...joinWindow(name, window),
    keepsLeft: keeps.left,
    keepsRight: keeps.right,
    key: known(name, 'key', left.known.key ?? right.known.key),
    left: known(name, "left stream's value", left.known.value),
    right: known(name, "right stream's value", right.known.value),
    joiner,
  }
}

/** @throws TickerError TOPOLOGY_SERDE_MISSING */
export function joinsTable(
  name: string,
  keeps: Keeps,
  stream: Partitioned<unknown, unknown>,
  table: Partitioned<unknown, unknown>,
  joiner: Joiner,
  grace: Duration | undefined,
): StreamTableJoinNode {
  const wait = grace !== undefined && {
    store: `${name}-buffer`,
    grace: milliseconds(grace, `${name}, grace`),
    key: known(name, 'key', stream.known.key ?? table.known.key),
    value: known(name, 'value', stream.known.value),
  }
  return {
    kind: 'streamTableJoin',
    name,
    inputs: [stream.from, table.from],
    keepsUnmatched: keeps.left,
    wait: wait || undefined,
    joiner,
  }
}

/** @throws TickerError TOPOLOGY_JOIN_KEY_MISSING */
export function joinsGlobally(
  name: string,
  keeps: Keeps,
  from: Output,
  table: string,
  joiner: Joiner,
  tableKey: JoinOptions<unknown, unknown>['tableKey'],
): GlobalJoinNode {
  if (tableKey === undefined)
    throw new TickerError('TOPOLOGY_JOIN_KEY_MISSING', `${name}: there is no tableKey`)
  return {
    kind: 'globalJoin',
    name,
    inputs: [from],
    table,
    keepsUnmatched: keeps.left,
    tableKey,
    joiner,
  }
}

function known(name: string, what: string, serde: Serde<unknown> | undefined): Serde<unknown> {
  if (serde !== undefined) return serde
  throw new TickerError(
    'TOPOLOGY_SERDE_MISSING',
    `${name}: it is not known how the ${what} is serialized here`,
  )
}
