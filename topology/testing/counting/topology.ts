/**
 * The pipeline that is killed in tests: a running count per key, and sums of closed windows through an asynchronous
 * function. What must come out of which input is computed here once more, without the engine.
 */
import { type Graph, KeyValueStore, long, string, TopologyBuilder, tumbling } from '../../index.ts'
import { json } from '../../serde.ts'

/** The application's topics. */
export function countingTopics(applicationId: string) {
  const [input, counts, sums] = ['numbers', 'counts', 'sums'].map(name => `${applicationId}-${name}`)
  return { input: input!, counts: counts!, sums: sums! }
}

/** Milliseconds. */
const WINDOW = 1000

export interface Numbered {
  readonly key: string
  readonly value: number
  readonly timestamp: number
}

const number = json<{ readonly value: number }>()

export function countingTopology(applicationId: string): Graph {
  const topics = countingTopics(applicationId)
  const builder = new TopologyBuilder()
  const counts = builder.store('count', name => new KeyValueStore({ name, key: string, value: long }))
  const numbers = builder.stream(topics.input, { key: string, value: number })
  numbers
    .processValues('running', {
      value: long,
      stores: { counts },
      processor:
        ({ forward, stores }) =>
        ({ key, timestamp }) => {
          if (key === null) return
          const count = (stores.counts.get(key)?.value ?? 0) + 1
          stores.counts.put(key, count, timestamp)
          forward({ value: count })
        },
    })
    .to(topics.counts)
  numbers
    .groupByKey()
    .window('window', tumbling({ size: WINDOW, grace: 0 }), { clock: 'perKey' })
    .collect(['value'])
    .mapWindows('sum', samples => samples.column('value').reduce((sum, value) => sum + value, 0))
    .mapBatch('answer', async sums => {
      await new Promise(resolve => setImmediate(resolve))
      return [...sums]
    })
    .to(topics.sums, { value: long })
  return builder.build()
}

export function numberedBytes({ value }: Numbered): Buffer {
  return number.serialize({ value })
}

/** What must come out of one partition's input, as text: each record with its key, value and timestamp. */
export function expectedOutput(input: readonly Numbered[]): { counts: string[]; sums: string[] } {
  const counts: string[] = []
  const sums: string[] = []
  const seen = new Map<string, number>()
  const open = new Map<string, { start: number; sum: number; last: number }>()
  for (const { key, value, timestamp } of input) {
    const count = (seen.get(key) ?? 0) + 1
    seen.set(key, count)
    counts.push(`${key} ${count} ${timestamp}`)
    const start = timestamp - (timestamp % WINDOW)
    const window = open.get(key)
    if (window?.start === start) {
      window.sum += value
      window.last = timestamp
    } else {
      if (window !== undefined) sums.push(`${key} ${window.sum} ${window.last}`)
      open.set(key, { start, sum: value, last: timestamp })
    }
  }
  return { counts, sums }
}
