/**
 * Property tests: feeds a topology, with commits at random and restarts on its changelogs in between, and answers with what
 * it wrote. None of that may be seen in the outputs.
 */
import fc from 'fast-check'
import type { Graph } from '../graph.ts'
import type { Serde } from '../serde.ts'
import { type TestRecord, TopologyTestDriver } from './test-driver.ts'

export interface Disturbance {
  readonly commitEvery: number
  readonly seed: number | undefined
  /** Numbers of inputs before which the node stops and goes on with nothing but the log. */
  readonly restartBefore: readonly number[]
}

export const undisturbed: Disturbance = { commitEvery: 1, seed: undefined, restartBefore: [] }

export const disturbances = (inputs: number): fc.Arbitrary<Disturbance> =>
  fc.record({
    commitEvery: fc.integer({ min: 1, max: 9 }),
    seed: fc.nat(),
    restartBefore: fc.uniqueArray(fc.nat({ max: inputs }), { maxLength: 2 }),
  })

export interface PlayedRecord {
  readonly topic: string
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: number
}

/** @param outputs the topics to read, with their serdes */
export async function play<
  O extends Readonly<Record<string, { key: Serde<unknown>; value: Serde<unknown> }>>,
>(
  graph: Graph,
  inputs: readonly PlayedRecord[],
  outputs: O,
  { commitEvery, seed, restartBefore }: Disturbance = undisturbed,
): Promise<{ readonly [T in keyof O]: readonly Played<O[T]>[] }> {
  const driver = await TopologyTestDriver.start(graph, { commitEvery, seed })
  for (const [i, { topic, ...record }] of inputs.entries()) {
    if (restartBefore.includes(i)) await driver.restart()
    await driver.pipe(topic, record)
  }
  await driver.commit()
  const read: Record<string, readonly TestRecord<unknown, unknown>[]> = {}
  for (const [topic, serdes] of Object.entries(outputs)) read[topic] = await driver.read(topic, serdes)
  await driver.close()
  await driver.log.close()
  return read as { readonly [T in keyof O]: readonly Played<O[T]>[] } // read with the serdes of O
}

type Of<S> = S extends Serde<infer T> ? T : never
type Played<S extends { key: unknown; value: unknown }> = TestRecord<Of<S['key']>, Of<S['value']>>
