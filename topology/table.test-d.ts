import { describe, expectTypeOf, it } from 'vitest'
import type { KeyValueEntry } from '../state/index.ts'
import { type GroupedTable, type KStream, type KTable, long, string, TopologyBuilder } from './index.ts'

describe('tables', () => {
  const builder = new TopologyBuilder()
  const names = builder.table('names', { key: string, value: string })
  const ages = builder.table('ages', { key: string, value: long })

  it('knows keys and values without null, and deletions in a stream', () => {
    expectTypeOf(names).toEqualTypeOf<KTable<string, string>>()
    expectTypeOf(names.toStream()).toEqualTypeOf<KStream<string, string | null>>()
    const stream = builder.stream('in', { key: string, value: long })
    expectTypeOf(stream.toTable('latest')).toEqualTypeOf<KTable<string, number>>()
    expectTypeOf(stream.groupByKey().count('n')).toEqualTypeOf<KTable<string, number>>()
  })

  it('leaves the null of a mapper out of the rows', () => {
    const lengths = names.mapValues(name => (name === '' ? null : name.length))
    expectTypeOf(lengths).toEqualTypeOf<KTable<string, number>>()
    names.transformValues(name => expectTypeOf(name).toEqualTypeOf<string | null>())
  })

  it('gives a joiner null only for the side that may be missing', () => {
    names.join('a', ages, (name, age) => {
      expectTypeOf(name).toEqualTypeOf<string>()
      expectTypeOf(age).toEqualTypeOf<number>()
      return 1
    })
    names.leftJoin('b', ages, (name, age) => {
      expectTypeOf(name).toEqualTypeOf<string>()
      expectTypeOf(age).toEqualTypeOf<number | null>()
      return 1
    })
    names.outerJoin('c', ages, (name, age) => {
      expectTypeOf(name).toEqualTypeOf<string | null>()
      expectTypeOf(age).toEqualTypeOf<number | null>()
      return 1
    })
    // @ts-expect-error the keys differ
    names.join('d', builder.table('numbered', { key: long, value: long }), () => 1)
  })

  it('shows a processor its contents, to read', () => {
    builder.stream('asked', { key: string, value: string }).process('ask', {
      stores: { ages: ages.contents() },
      processor: ({ stores }) => {
        expectTypeOf(stores.ages.get('anna')).toEqualTypeOf<KeyValueEntry<string, number> | undefined>()
        // @ts-expect-error its keys are text
        stores.ages.get(1)
        // @ts-expect-error only the table writes
        stores.ages.put('anna', 1, 0)
        return () => {}
      },
    })
  })

  it('groups by what the mapper says', () => {
    const grouped = names.groupBy((name, key) => [name.length, key], { key: long, value: string })
    expectTypeOf(grouped).toEqualTypeOf<GroupedTable<number, string>>()
    // @ts-expect-error the group is no text
    names.groupBy((name, key) => [name.length, key], { key: string, value: string })
  })
})
