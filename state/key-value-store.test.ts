import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyValueStore } from './key-value-store.ts'
import { Changelog, compareKeys, growth, keys, shuffled, text } from './resident-contract.ts'

const create = () => new KeyValueStore({ name: 'counts', key: text, value: text })

const step = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    key: fc.constantFrom(...keys),
    at: fc.nat(9),
    value: fc.string(),
  }),
  fc.record({ kind: fc.constant('delete' as const), key: fc.constantFrom(...keys) }),
  fc.record({
    kind: fc.constant('read' as const),
    from: fc.option(fc.constantFrom(...keys), { nil: undefined }),
    to: fc.option(fc.constantFrom(...keys), { nil: undefined }),
    reverse: fc.boolean(),
  }),
  fc.constant({ kind: 'commit' as const }),
  fc.constant({ kind: 'restore' as const }),
  fc.constant({ kind: 'replay' as const }),
)

test('is a sorted map, whatever is committed and restored in between', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const model = new Map<string, { key: string; value: string; timestamp: number }>()
      const log = new Changelog()
      let store = create()
      for (const s of steps) {
        if (s.kind === 'put') {
          store.put(s.key, s.value, s.at)
          model.set(s.key, { key: s.key, value: s.value, timestamp: s.at })
        } else if (s.kind === 'delete') {
          expect(store.delete(s.key)).toBe(model.delete(s.key))
        } else if (s.kind === 'read') {
          const within = [...model.values()]
            .filter(
              ({ key }) =>
                (s.from === undefined || compareKeys(key, s.from) >= 0) &&
                (s.to === undefined || compareKeys(key, s.to) <= 0),
            )
            .sort((a, b) => compareKeys(a.key, b.key))
          expect([...store.entries(s)]).toEqual(s.reverse ? within.reverse() : within)
        } else {
          log.take(store)
          if (s.kind === 'restore') store = log.restore(create())
          if (s.kind === 'replay') store = log.replay(create())
          expect(log.size).toBe(model.size)
        }
        expect(store.size).toBe(model.size)
        for (const key of keys) expect(store.get(key)).toEqual(model.get(key))
      }
    }),
  )
})

test('iterates over what was there at the call', () => {
  const store = create()
  for (const key of shuffled(1000)) store.put(`k${key}`, 'old', 0)
  const before = store.entries()
  store.put('a', 'new', 1)
  const seen: string[] = []
  for (const { key, value } of before) {
    expect(value).toBe('old')
    seen.push(key)
    store.put(key, 'new', 1)
    store.delete('k999')
    store.put(`l${key}`, 'new', 1)
  }
  expect(seen).toHaveLength(1000)
  expect(store.size).toBe(2000)
})

test('tells what is persisted of it as of the call, whether or not its order was ever asked for', () => {
  for (const asked of [false, true]) {
    const [store, log] = [create(), new Changelog()]
    for (const key of shuffled(1000)) store.put(`k${key}`, 'old', 7)
    if (asked) expect([...store.entries({ to: 'k0' })]).toHaveLength(1)
    log.take(store)
    const contents = store.contents()
    store.put('k1', 'new', 8)
    store.delete('k2')
    store.put('l', 'new', 8)
    const copy = create()
    for (const { key, value } of contents) copy.load(key, value!)
    expect([...copy.entries()]).toEqual([...log.restore(create()).entries()])
  }
})

test('finds the keys that begin with some bytes', () => {
  const store = create()
  for (const key of ['b', 'ab', 'a', 'aé', 'a\uffff', 'A']) store.put(key, '', 0)
  expect([...store.scanPrefix(Buffer.from('a'))].map(({ key }) => key)).toEqual(['a', 'ab', 'aé', 'a\uffff'])
})

test('says in its layout what its bytes are', () => {
  expect(create().layout).toBe('key-value-1:string:string')
})

test('costs about n log n', () => {
  const ratio = growth(size => {
    const store = create()
    for (const key of shuffled(size)) {
      store.put(`key ${key}`, '', 0)
      store.get(`key ${size - key}`)
      for (const _ of store.entries({ from: `key ${key}` })) break
    }
    for (const { key } of store.entries()) store.delete(key)
  })
  expect(ratio).toBeLessThan(32)
})
