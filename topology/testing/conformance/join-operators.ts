/** Joins of streams: with streams, tables and global tables. */
import type { NodeOf } from './case.ts'
import { type Build, type BuildContext, type GlobalTableHandle, only, type StreamHandle } from './context.ts'
import { joiner } from './functions/joiners.ts'
import { keyFunction } from './functions/key-functions.ts'
import { CaseError } from './functions/named.ts'
import { type Key, keySerde, type Value, valueSerde } from './values.ts'

type JoinOp = 'join' | 'leftJoin' | 'outerJoin'

export const joinOperators: Readonly<Record<string, Build>> = {
  globalTable: only('globalTable', (node, { builder, name, globalTables }) => {
    const key = { inner: node.key, windowed: false }
    const options = { store: node.store ?? name, key: keySerde(key), value: valueSerde(node.value) }
    globalTables.set(node.id, { table: builder.globalTable(node.topic, options), value: node.value })
  }),
  'stream.join.stream': only('join', joinStreams),
  'stream.leftJoin.stream': only('leftJoin', joinStreams),
  'stream.outerJoin.stream': only('outerJoin', joinStreams),
  'stream.join.table': only('join', joinTable),
  'stream.leftJoin.table': only('leftJoin', joinTable),
  'stream.join.globalTable': only('join', joinGlobalTable),
  'stream.leftJoin.globalTable': only('leftJoin', joinGlobalTable),
}

function joinStreams(node: NodeOf<JoinOp>, context: BuildContext): void {
  const left = context.stream(node.from)
  const right = context.stream(node.with)
  const { apply, type } = joiner(node.fn)
  if (node.window === undefined) throw new CaseError(`${node.op} of streams has no window`)
  const options = {
    before: node.window.beforeMs,
    after: node.window.afterMs,
    grace: node.window.graceMs,
    key: keySerde(left.key),
    value: valueSerde(left.value),
    otherValue: valueSerde(right.value),
  }
  const { name } = context
  const join = (): StreamHandle['stream'] => {
    switch (node.op) {
      case 'join':
        return left.stream.join(name, right.stream, apply, options)
      case 'leftJoin':
        return left.stream.leftJoin(name, right.stream, apply, options)
      case 'outerJoin':
        return left.stream.outerJoin(name, right.stream, apply, options)
    }
  }
  context.define(node.id, { stream: join(), key: left.key, value: type(left.value, right.value) })
}

function joinTable(node: NodeOf<JoinOp>, context: BuildContext): void {
  const from = context.stream(node.from)
  const { table, value } = context.tables.get(node.with)
  const { apply, type } = joiner(node.fn)
  const options = { key: keySerde(from.key), value: valueSerde(from.value), grace: node.graceMs }
  const joined: StreamHandle['stream'] =
    node.op === 'join'
      ? from.stream.join(context.name, table, apply, options)
      : from.stream.leftJoin(context.name, table, apply, options)
  context.define(node.id, { stream: joined, key: from.key, value: type(from.value, value) })
}

function joinGlobalTable(node: NodeOf<JoinOp>, context: BuildContext): void {
  const from = context.stream(node.from)
  const { table, value }: GlobalTableHandle = context.globalTables.get(node.with)
  const { apply, type } = joiner(node.fn)
  if (node.keyFn === undefined) throw new CaseError(`${node.op} with a global table has no keyFn`)
  const keyOf = keyFunction(node.keyFn).apply
  const tableKey = (of: Value, key: Key): NonNullable<Key> | null => keyOf(of, key)
  const joined: StreamHandle['stream'] =
    node.op === 'join'
      ? from.stream.join(context.name, table, apply, { tableKey })
      : from.stream.leftJoin(context.name, table, apply, { tableKey })
  context.define(node.id, { stream: joined, key: from.key, value: type(from.value, value) })
}
