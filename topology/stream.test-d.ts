import { describe, expectTypeOf, it } from 'vitest'
import { KeyValueStore } from '../state/index.ts'
import {
  hopping,
  type KStream,
  long,
  type RecordedInput,
  type Serde,
  string,
  TopologyBuilder,
} from './index.ts'

interface Reading {
  readonly device: string
  readonly pulse: number | null
  readonly steps: number
}

declare const reading: Serde<Reading>
declare const release: RecordedInput<{ version: string }>

const windows = hopping({ size: '5 s', advance: '2.5 s', grace: '1 s' })
const source = () => new TopologyBuilder().stream('in', { key: string, value: reading })
const readings = () => source().filter(value => value !== null)

describe('the DSL', () => {
  it('tells that a source may hold records without key or value', () => {
    expectTypeOf(source()).toEqualTypeOf<KStream<string | null, Reading | null>>()
    // @ts-expect-error the value may be null
    source().mapValues(value => value.pulse)
  })

  it('carries the value type from the serde to the sink', () => {
    const pulses = readings().mapValues(value => value.pulse)
    expectTypeOf(pulses).toEqualTypeOf<KStream<string | null, number | null>>()
    // @ts-expect-error a reading has no field `puls`
    readings().mapValues(value => value.puls)
    // @ts-expect-error the sink's serde is of another type
    readings().to('out', { value: string })
    readings().to('out', { value: reading })
  })

  it('collects numeric fields only, and shows those collected', () => {
    const grouped = readings().groupByKey().window('w', windows, { clock: 'perKey' })
    // @ts-expect-error text cannot be collected
    grouped.collect(['device'])
    const collected = grouped.collect(['pulse', 'steps'], { endsKey: value => value.pulse === null })
    collected.mapWindows('means', (samples, window) => {
      expectTypeOf(samples.column('pulse')).toEqualTypeOf<Float64Array>()
      expectTypeOf(window.key).toEqualTypeOf<string>()
      // @ts-expect-error not collected
      samples.column('device')
    })
    expectTypeOf(collected.late).toEqualTypeOf<KStream<string, Reading>>()
  })

  it('names the branches of a split', () => {
    const { high, low } = readings().split('pulse', { high: value => value.steps > 3, low: () => true })
    expectTypeOf(high).toEqualTypeOf<KStream<string | null, Reading>>()
    expectTypeOf(low).toEqualTypeOf<KStream<string | null, Reading>>()
    // @ts-expect-error no such branch
    readings().split('pulse', { high: () => true }).none
  })

  it('tells a batch function the recorded decision', () => {
    const scored = readings().mapBatch(
      'score',
      async (values, { recorded }) => values.map(() => recorded.version),
      {
        recorded: release,
      },
    )
    expectTypeOf(scored).toEqualTypeOf<KStream<string | null, string>>()
  })

  it('tells a processor the types of its stores, and of what it may forward', () => {
    const builder = new TopologyBuilder()
    const sums = builder.store('sums', name => new KeyValueStore({ name, key: string, value: long }))
    const summed = builder.stream('in', { key: string, value: long }).process('sum', {
      key: string,
      value: long,
      stores: { sums },
      processor: ({ forward, stores }) => {
        expectTypeOf(stores.sums).toEqualTypeOf<KeyValueStore<string, number>>()
        return record => {
          expectTypeOf(record.value).toEqualTypeOf<number | null>()
          forward({ key: 'k', value: 1 })
          // @ts-expect-error the value is a number
          forward({ key: 'k', value: 'one' })
        }
      },
    })
    expectTypeOf(summed).toEqualTypeOf<KStream<string, number>>()
  })

  it('keeps the key, and unless told otherwise the value, of a value processor', () => {
    const shouted = readings().processValues('shout', {
      value: string,
      processor:
        ({ forward }) =>
        ({ value }) =>
          forward({ value: value.device }),
    })
    expectTypeOf(shouted).toEqualTypeOf<KStream<string | null, string>>()
    const passed = readings().processValues('pass', { processor: ({ forward }) => forward })
    expectTypeOf(passed).toEqualTypeOf<KStream<string | null, Reading>>()
  })

  it('takes durations with their unit', () => {
    // @ts-expect-error no unit
    hopping({ size: '5', advance: '1 s', grace: 0 })
  })
})

describe('joins', () => {
  const window = { before: '5 s', after: '5 s', grace: '1 s' } as const
  const builder = new TopologyBuilder()
  const left = builder.stream('left', { key: string, value: reading })
  const right = builder.stream('right', { key: string, value: string })
  const table = builder.table('table', { key: string, value: string })
  const byNumber = builder.globalTable('global', { key: long, value: string, store: 'global' })

  it('gives both values where both are there, and null for the side that may be missing', () => {
    const inner = left.join('inner', right, (l, r, key) => [l.steps, r.length, key.length], window)
    expectTypeOf(inner).toEqualTypeOf<KStream<string, number[]>>()
    const outer = left.outerJoin('outer', right, (l, r, key) => ({ l, r, key }), window)
    expectTypeOf(outer).toEqualTypeOf<
      KStream<string | null, { l: Reading | null; r: string | null; key: string | null }>
    >()
    // @ts-expect-error the right value may be missing
    left.leftJoin('left', right, (l, r) => l.steps + r.length, window)
    // @ts-expect-error a window has a grace
    left.join('unknown', right, () => 0, { before: 1, after: 1 })
  })

  it('needs no window for a table', () => {
    const named = left.leftJoin('named', table, (l, name) => ({ steps: l.steps, name }))
    expectTypeOf(named).toEqualTypeOf<KStream<string | null, { steps: number; name: string | null }>>()
  })

  it("takes a global table's key of the record", () => {
    const named = left.join('global', byNumber, (l, name) => l.steps + name, { tableKey: l => l.steps })
    expectTypeOf(named).toEqualTypeOf<KStream<string | null, string>>()
    // @ts-expect-error its keys are numbers
    left.join('text', byNumber, (l, name) => l.steps + name, { tableKey: (_, key) => key })
  })
})
