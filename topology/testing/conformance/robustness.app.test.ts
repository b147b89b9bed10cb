/** Conformance cases under what production adds: restarts, commits that come when they come, record caches, and tasks that move. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Graph, storesOf } from '../../graph.ts'
import type { TestDriverOptions } from '../test-driver.ts'
import { build } from './build.ts'
import type { Case } from './case.ts'
import { readCases } from './cases.ts'
import { compare } from './compare.ts'
import { type AfterStep, execute, runCase } from './run.ts'

const runnable = readCases(join(import.meta.dirname, 'cases')).map(({ name, parse }) => ({
  name,
  ...parse(),
}))

describe('stopped and restored from the changelogs after every fifth step, clocks included', () => {
  test.each(runnable)('$name', async ({ each, quirk }) => {
    const afterStep: AfterStep = (driver, at) => (at % 5 === 4 ? driver.restart() : undefined)
    const result = await runCase(each, { level: 'strict', quirk, afterStep })
    expect(result).toEqual({ outcome: 'passed' })
  })
})

/** Cases with stores, each with the graph that its topology becomes. */
const kept = runnable.flatMap(({ name, each, quirk }) => {
  if (each.stores === undefined || each.fails !== undefined) return []
  const { graph } = build(each, () => {})
  return [{ name, each, quirk, graph }]
})

/** A case of which only some final stores are expected. */
function withStores(each: Case, names: readonly string[]): Case {
  const stores = Object.entries(each.stores ?? {}).filter(([name]) => names.includes(name))
  return { ...each, stores: Object.fromEntries(stores) }
}

/**
 * A foreign-key join's result has the greater time of both sides as of when they met, and commits decide which of two
 * updates on the way to each other comes first.
 */
const timedByArrival = ['join-fk-join-store']

describe('with commits at random the final stores are the same', () => {
  test.each(kept.filter(({ name }) => !timedByArrival.includes(name)))('$name', async ({ each, quirk }) => {
    for (const seed of [1, 2, 3]) {
      const result = await runCase(each, { level: 'stores', quirk, driver: driverOf(each, seed) })
      expect(result, `seed ${seed}`).toEqual({ outcome: 'passed' })
    }
  })
})

function driverOf(each: Case, seed: number, cacheBytes = 0): TestDriverOptions {
  const now = each.config.wallClockStartMs
  return { oneTask: true, applicationId: 'app', now, commitEvery: 5, seed, cacheBytes }
}

/** Operators to which a table's updates are events: what they make of them depends on which ones they are told. */
const countsUpdates = ['tableToStream', 'tableGroupBy', 'suppress', 'foreignKeySubscribe', 'foreignKeyLookup']

/** The stores that updates of a cached table reach as events. */
function storesOfEvents({ nodes }: Graph): readonly string[] {
  const cached = new Set<string>()
  const events = new Set<string>()
  for (const node of nodes) {
    const follows = (names: ReadonlySet<string>): boolean => node.inputs.some(input => names.has(input.node))
    if (follows(events) || (follows(cached) && countsUpdates.includes(node.kind))) events.add(node.name)
    if (follows(cached) || storesOf(node).length > 0) cached.add(node.name)
  }
  return nodes.filter(node => events.has(node.name)).flatMap(storesOf)
}

describe('with record caches and commits at random the final stores are the same', () => {
  const comparable = kept.flatMap(({ each, graph, ...rest }) => {
    const events = storesOfEvents(graph)
    const names = Object.keys(each.stores ?? {}).filter(name => !events.includes(name))
    return names.length === 0 ? [] : [{ ...rest, each: withStores(each, names) }]
  })
  // Room for all, room for a few, room for none.
  const sizes = [1_000_000, 500, 1]

  test.each(comparable)('$name', async ({ each, quirk }) => {
    for (const cacheBytes of sizes) {
      for (const seed of [1, 2, 3]) {
        const driver = driverOf(each, seed, cacheBytes)
        const result = await runCase(each, { level: 'stores', quirk, driver })
        expect(result, `seed ${seed}, ${cacheBytes} bytes`).toEqual({ outcome: 'passed' })
      }
    }
  })

  test('except those that count updates, which are these', () => {
    const left = kept.flatMap(({ name, each, graph }) => {
      const events = storesOfEvents(graph)
      return Object.keys(each.stores ?? {}).flatMap(store =>
        events.includes(store) ? [`${name} ${store}`] : [],
      )
    })
    expect(left).toMatchInlineSnapshot(`
      [
        "join-fk-join-store joined",
        "join-tables-random counts",
        "table-groupby-aggregate agg",
        "table-groupby-count agg",
        "table-groupby-nullkey agg",
        "table-groupby-random agg",
        "table-groupby-reduce agg",
        "versioned-table-out-of-order counts",
        "windowed-regroup agg2",
      ]
    `)
  })
})

describe('on three partitions, with the tasks moving between nodes, all is as where they stay', () => {
  const driverOf = ({ config }: Case): TestDriverOptions => ({
    ...{ applicationId: 'app', guarantee: 'at_least_once', partitions: 3, now: config.wallClockStartMs },
  })
  /** A second node joins and takes its share, later the first one leaves and the second has all, and so on. */
  const move: AfterStep = (driver, at) => {
    if (at % 4 === 1) return driver.join()
    return at % 4 === 3 ? driver.leave() : undefined
  }
  test.each(runnable)('$name', async ({ each }) => {
    const { failure, ...stayed } = await execute(each, { driver: driverOf(each) })
    const { failure: same, ...moved } = await execute(each, { driver: driverOf(each), afterStep: move })
    expect(same).toEqual(failure)
    expect(compare(stayed, moved, 'strict')).toBeUndefined()
  })
})
