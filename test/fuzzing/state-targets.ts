/** What is kept of a task: entries of its stores, and what its changelogs say in headers. */
import fc from 'fast-check'
import {
  KeyValueStore,
  SessionStore,
  SuppressionBuffer,
  VersionedStore,
  WindowStore,
} from '../../state/index.ts'
import { parseCheckpoint } from '../../state/rocksdb.ts'
import { decodeHeaders, encodeHeaders } from '../../topology/headers.ts'
import { long, string } from '../../topology/index.ts'
import { checkHeader } from '../../topology/layouts.ts'
import { decodeDecision } from '../../topology/recorded.ts'
import { reflectedHeader, reflectedIn } from '../../topology/reflected.ts'
import { loadFrom } from '../../topology/restore.ts'
import { systemTimers } from '../../topology/timers.ts'
import { type Decoded, ofCode, sizeOf, type Target } from './target.ts'

const tp = { topic: 't', partition: 0 }
const bytes = fc.uint8Array({ maxLength: 60 }).map(each => Buffer.from(each))
const headers = fc.array(fc.tuple(fc.string({ maxLength: 8 }), bytes), { maxLength: 3 })

const reflectedPositions: Target = {
  name: 'reflected positions',
  right: fc
    .array(fc.record({ topic: fc.string(), partition: fc.nat(9), position: fc.nat() }), { maxLength: 3 })
    .map(positions => reflectedHeader(positions)[1]),
  decode(text) {
    const value = reflectedIn([['inputs', text]])
    const again = (): Decoded => this.decode(Buffer.from(JSON.stringify(value), 'utf8')) as Decoded
    return { value, size: sizeOf(value), again }
  },
  expected: error => ofCode(error, /^LOG_CORRUPT$/),
}

const layoutHeader: Target = {
  name: 'layouts of a changelog',
  right: fc.array(fc.string(), { maxLength: 3 }).map(names => Buffer.from(JSON.stringify(names))),
  decode(text) {
    checkHeader(keyValue(), [['layouts', text]], '0_0')
    return { value: undefined, size: 0 }
  },
  expected: error => ofCode(error, /^(LOG_CORRUPT|STATE_TOO_NEW|STATE_INCOMPATIBLE)$/),
}

const decisions: Target = {
  name: 'recorded decisions',
  right: bytes.map(value =>
    Buffer.from(JSON.stringify({ from: [{ ...tp, position: 4 }], value: value.toString('base64') })),
  ),
  decode(text) {
    const value = decodeDecision(text)
    return { value, size: sizeOf(value) }
  },
  expected: error => ofCode(error, /^LOG_CORRUPT$/),
}

const storedHeaders: Target = {
  name: 'headers in a store',
  right: headers.map(encodeHeaders),
  fields: [0, 4],
  decode(stored) {
    const value = decodeHeaders(stored)
    return {
      value: value.headers,
      size: sizeOf(value.headers),
      again: () => this.decode(encodeHeaders(value.headers)),
    }
  },
  // A store's own bytes: `loadFrom` tells which entry of which store it was.
  expected: error => error instanceof RangeError,
}

const checkpoint: Target = {
  name: 'checkpoints',
  right: fc.record({ position: fc.nat(), layout: fc.string({ maxLength: 5 }) }).map(({ position, layout }) =>
    Buffer.from(
      JSON.stringify({
        ...{ identities: { s: 'i' }, layouts: { s: [layout] } },
        ...{ positions: { s: position }, inputs: { t: position } },
      }),
    ),
  ),
  decode(text) {
    const value = parseCheckpoint('0_0', text)
    const isOffset = (each: number): boolean => Number.isSafeInteger(each) && each >= 0
    if (!Object.values({ ...value.positions, ...value.inputs }).every(isOffset))
      throw new Error('a position is no offset')
    return {
      value,
      size: sizeOf(value),
      again: () => checkpoint.decode(Buffer.from(JSON.stringify(value))),
    }
  },
  expected: error => ofCode(error, /^STATE_CORRUPT$/),
}

type Loadable = Parameters<typeof loadFrom>[0]

const options = { name: 's', key: string, value: long }

function keyValue(): KeyValueStore<string, number> {
  return new KeyValueStore(options)
}

/** Each kind, empty, and with an entry of some time. */
const stores: Readonly<Record<string, { empty(): Loadable; filled(time: number): Loadable }>> = {
  'key-value': kind(keyValue, (store, time) => store.put('key', time, time)),
  window: kind(
    () => new WindowStore({ ...options, retention: 1000 }),
    (store, time) => store.put('key', time, 1, time),
  ),
  session: kind(
    () => new SessionStore({ ...options, retention: 1000 }),
    (store, time) => store.put('key', time, time + 5, 1),
  ),
  versioned: kind(
    () => new VersionedStore({ ...options, historyRetention: 1000 }),
    (store, time) => store.put('key', 1, time),
  ),
  suppression: kind(
    () => new SuppressionBuffer({ name: 's', key: string, entry: long, measured: true }),
    (store, time) => store.put('key', time, 1),
  ),
}

function kind<S extends Loadable>(
  empty: () => S,
  put: (store: S, time: number) => unknown,
): { empty(): Loadable; filled(time: number): Loadable } {
  return {
    empty,
    filled(time) {
      const store = empty()
      put(store, time)
      return store
    },
  }
}

/** An entry as a store wrote it: the length of its key as a byte, key, value. */
function storeTarget(name: string, { empty, filled }: (typeof stores)[string]): Target {
  return {
    name: `${name} store`,
    right: fc.tuple(fc.nat(2000), fc.nat()).map(([time, which]) => {
      const changes = filled(time).takeChanges()
      const { key, value } = changes[which % changes.length]!
      return Buffer.concat([Buffer.of(key.length), key, value ?? Buffer.alloc(0)])
    }),
    fields: [0, 1, 2],
    async decode(entry) {
      const length = Math.min(entry[0] ?? 0, Math.max(0, entry.length - 1))
      const [key, value] = [entry.subarray(1, 1 + length), entry.subarray(1 + length)]
      const store = empty()
      await loadFrom(store, [{ key, value }], 0, { onNotice: () => {}, timers: systemTimers })
      store.loaded?.()
      return { value: undefined, size: 0 }
    },
    expected: error => ofCode(error, /^STATE_/),
  }
}

export const stateTargets: readonly Target[] = [
  ...[reflectedPositions, layoutHeader, decisions, storedHeaders, checkpoint],
  ...Object.entries(stores).map(([name, store]) => storeTarget(name, store)),
]
