/**
 * How long partitions stand still when nodes of the counting pipeline are killed, join and leave: two nodes on a real broker,
 * exactly-once, 2,000 records a second. Every output is checked.
 */
import { startTemporaryBroker } from '../topology/log/kafka/broker/temporary-broker.ts'
import { CountingCluster } from '../topology/testing/counting/cluster.ts'
import { benchmark, type Figure, median } from './benchmark.ts'

/** Of a node's process: milliseconds from its start until it has joined the group. */
const STARTED = 'a node starts and joins'

export const recovery = benchmark({
  name: 'recovery',
  summary: 'how long partitions stand still when nodes are killed, join and leave',
  sizes: {
    rounds: { of: 5, what: 'of all that may happen' },
    session: { of: 6_000, what: 'milliseconds without a heartbeat until a node counts as dead' },
  },
  async run(size): Promise<Figure[]> {
    const broker = await startTemporaryBroker()
    const applicationId = `recovery-${Date.now()}`
    const sessionTimeout = size('session')
    const cluster = await CountingCluster.start({ brokers: broker.brokers, applicationId, sessionTimeout })
    const found = new Map<string, number[]>()
    const note = (name: string, value: number): void => {
      found.set(name, [...(found.get(name) ?? []), value])
    }
    try {
      const began = performance.now()
      cluster.run('a')
      await cluster.committing()
      note(STARTED, performance.now() - began)
      cluster.run('b')
      await cluster.settled()
      for (let round = 0; round < size('rounds'); round++) await happen(cluster, note)
      const outputs = await cluster.outputs()
      const wrong = outputs.filter(each => each.found.join('\n') !== each.expected.join('\n'))
      if (wrong.length > 0) throw new Error(`${wrong.length} of ${outputs.length} partitions are wrong`)
      return [...found].map(([what, values]) => ({
        ...{ what, unit: 'ms', value: median(values) },
        limit: limitOf(what, found, sessionTimeout),
      }))
    } finally {
      await cluster.close()
      await broker.stop()
    }
  },
})

const names = {
  restart: 'kill -9 and restart, until all commit',
  death: 'kill -9 alone, until all commit',
  stop: 'graceful stop',
  leave: 'graceful leave, longest stall',
  join: 'join, longest stall',
}

function limitOf(
  what: string,
  found: ReadonlyMap<string, readonly number[]>,
  sessionTimeout: number,
): Figure['limit'] {
  if (what === names.restart) return { what: STARTED, value: median(found.get(STARTED)!) }
  if (what === names.death) return { what: 'the session timeout', value: sessionTimeout }
  return undefined
}

async function happen(cluster: CountingCluster, note: (name: string, value: number) => void): Promise<void> {
  let since = performance.now()
  await cluster.end('b', 'SIGKILL')
  cluster.run('b')
  note(names.restart, (await cluster.settled(since)).recovery)

  since = performance.now()
  note(names.stop, await cluster.end('b', 'SIGTERM'))
  note(names.leave, (await cluster.settled(since)).longestStall)

  since = performance.now()
  cluster.run('b')
  note(names.join, (await cluster.settled(since)).longestStall)

  since = performance.now()
  await cluster.end('b', 'SIGKILL')
  note(names.death, (await cluster.settled(since)).recovery)

  cluster.run('b')
  await cluster.settled()
}
