import { describe, expectTypeOf, it } from 'vitest'
import { hopping, type KStream, type RecordedInput, type Serde, string, TopologyBuilder } from './index.ts'

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

  it('takes durations with their unit', () => {
    // @ts-expect-error no unit
    hopping({ size: '5', advance: '1 s', grace: 0 })
  })
})
