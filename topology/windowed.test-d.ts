import { expectTypeOf, test } from 'vitest'
import { hopping, json, long, session, sliding, string, TopologyBuilder, type Windowed } from './index.ts'

interface Reading {
  readonly x: number
  readonly device: string
}

const readings = new TopologyBuilder()
  .stream('readings', { key: string, value: json<Reading>() })
  .groupByKey()
const [hops, slides, sessions] = [
  hopping({ size: '5 s', advance: '1 s', grace: 0 }),
  sliding({ difference: '5 s', grace: 0 }),
  session({ gap: '5 s', grace: 0 }),
] as const

test('a windowed aggregate is a table by key and window', () => {
  const counts = readings.window('counts', hops).count()
  counts.toStream().peek((count, window) => {
    expectTypeOf(count).toEqualTypeOf<number | null>()
    expectTypeOf(window).toEqualTypeOf<Windowed<string>>()
  })
  counts.late.peek((value, key) => {
    expectTypeOf(value).toEqualTypeOf<Reading | null>()
    expectTypeOf(key).toEqualTypeOf<string>()
  })
})

test('an aggregator is given records without a value too', () => {
  readings.window('sum', hops).aggregate({
    initial: () => 0,
    add: (sum, value) => {
      expectTypeOf(value).toEqualTypeOf<Reading | null>()
      return sum + (value?.x ?? 0)
    },
    value: long,
  })
})

test('sessions are merged', () => {
  const sum = { initial: () => 0, add: (total: number) => total + 1, value: long }
  readings.window('merged', sessions).aggregate<number>({ ...sum, merge: (one, other) => one + other })
  // @ts-expect-error: it is not said how
  readings.window('unmerged', sessions).aggregate<number>(sum)
  readings.window('hops', hops).aggregate<number>(sum)
})

test('samples are collected in tumbling and hopping windows, from numeric fields', () => {
  readings.window('samples', hops).collect(['x'])
  // @ts-expect-error: no number
  readings.window('text', hops).collect(['device'])
  // @ts-expect-error: not made of panes
  readings.window('slides', slides).collect(['x'])
})
