/** Operators on streams that keep no state. */
import type { NodeOf } from './case.ts'
import { type Build, type BuildContext, only, type StreamHandle } from './context.ts'
import { keyFunction } from './functions/key-functions.ts'
import { manyFunction } from './functions/many-functions.ts'
import { CaseError } from './functions/named.ts'
import { predicate } from './functions/predicates.ts'
import { valueFunction } from './functions/value-functions.ts'
import { type Key, type KeyType, keySerde, str, type Value, valueSerde } from './values.ts'

type Serdes = { key: ReturnType<typeof keySerde>; value: ReturnType<typeof valueSerde> }

const text: KeyType = { inner: 'string', windowed: false }

export const streamOperators: Readonly<Record<string, Build>> = {
  'stream.filter': only('filter', (node, { stream, define }) => {
    const from = stream(node.from)
    define(node.id, { ...from, stream: from.stream.filter(predicate(node.fn)) })
  }),
  'stream.filterNot': only('filterNot', (node, { stream, define }) => {
    const from = stream(node.from)
    define(node.id, { ...from, stream: from.stream.filterNot(predicate(node.fn)) })
  }),
  'stream.mapValues': only('mapValues', (node, { stream, define }) => {
    const from = stream(node.from)
    const { apply, type } = valueFunction(node.fn)
    define(node.id, { stream: from.stream.mapValues(apply), key: from.key, value: type(from.value) })
  }),
  'stream.map': only('map', (node, { stream, define }) => {
    const from = stream(node.from)
    const keyOf = keyFunction(node.keyFn)
    const valueFn = valueFunction(node.valueFn)
    const types = { key: keyOf.type(from.key, from.value), value: valueFn.type(from.value) }
    const map = (value: Value, key: Key) => [keyOf.apply(value, key), valueFn.apply(value, key)] as const
    define(node.id, { ...types, stream: from.stream.map(map, serdes(types)) })
  }),
  'stream.selectKey': only('selectKey', (node, { stream, define }) => {
    const from = stream(node.from)
    const { apply, type } = keyFunction(node.fn)
    const types = { key: type(from.key, from.value), value: from.value }
    define(node.id, { ...types, stream: from.stream.selectKey(apply, serdes(types)) })
  }),
  'stream.flatMap': only('flatMap', (node, { stream, define }) => {
    const from = stream(node.from)
    const { apply, type } = manyFunction(node.fn)
    const types = { key: text, value: type(from.value) }
    const flatMap: (value: Value, key: Key) => readonly (readonly [Key, Value])[] = apply
    define(node.id, { ...types, stream: from.stream.flatMap(flatMap, serdes(types)) })
  }),
  'stream.flatMapValues': only('flatMapValues', (node, { stream, define }) => {
    const from = stream(node.from)
    const { apply, type } = manyFunction(node.fn)
    const flatMap = (value: Value, key: Key): Value[] => apply(value, key).map(record => record[1])
    define(node.id, { stream: from.stream.flatMapValues(flatMap), key: from.key, value: type(from.value) })
  }),
  'stream.peek': only('peek', (node, { stream, define, note }) => {
    const from = stream(node.from)
    const look = (value: Value, key: Key): void => note(node.log, key, value)
    define(node.id, { ...from, stream: from.stream.peek(look) })
  }),
  'stream.foreach': only('foreach', (node, { stream, note }) => {
    stream(node.from).stream.forEach((value, key) => {
      note(node.log, key, value)
    })
  }),
  'stream.split': only('split', split),
  'stream.merge': only('merge', (node, { stream, define }) => {
    const from = stream(node.from)
    define(node.id, { ...from, stream: from.stream.merge(stream(node.with).stream) })
  }),
  'stream.repartition': only('repartition', (node, { stream, define, name }) => {
    const from = stream(node.from)
    const options = { ...serdes(from), partitions: node.partitions }
    define(node.id, { ...from, stream: from.stream.repartition(name, options) })
  }),
  'stream.to': only('to', to),
}

/** How the records of a stream are serialized, for where the DSL does not know it. */
function serdes({ key, value }: Pick<StreamHandle, 'key' | 'value'>): Serdes {
  return { key: keySerde(key), value: valueSerde(value) }
}

/** The DSL has no default branch: it is a last one that takes all that is left. */
function split(node: NodeOf<'split'>, { stream, define, name }: BuildContext): void {
  const from = stream(node.from)
  const branches = node.branches.map(branch => ({ id: branch.id, matches: predicate(branch.fn) }))
  if (node.default !== undefined) branches.push({ id: node.default, matches: () => true })
  // An object orders keys that look like numbers before all others, so each gets a letter in front.
  const streams = from.stream.split(
    name,
    Object.fromEntries(branches.map(({ id, matches }) => [`to-${id}`, matches])),
  )
  for (const { id } of branches) define(id, { ...from, stream: streams[`to-${id}`]! })
}

function to(node: NodeOf<'to'>, { stream, sink }: BuildContext): void {
  const from = stream(node.from)
  if (node.topic !== undefined) {
    sink(node.topic, from)
    from.stream.to(node.topic, serdes(from))
    return
  }
  if (node.topicFn === undefined) throw new CaseError('to has neither topic nor topicFn')
  const { apply } = keyFunction(node.topicFn)
  const topics = node.topics ?? []
  for (const topic of topics) sink(topic, from)
  from.stream.to((value, key) => `out-${str(apply(value, key))}`, { ...serdes(from), topics })
}
