/**
 * How fast a table comes back from its changelog when the local state is gone, here and in Kafka Streams: both have processed
 * the same topic before, and are stopped, lose their directory, and start again, in turn.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Log, partitionOf } from '../../topology/index.ts'
import { startTemporaryBroker } from '../../topology/log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from '../../topology/log/kafka/kafka-log.ts'
import { benchmark, expectEqual, type Figure, median } from '../benchmark.ts'
import { TellingProgram } from '../events.ts'
import { buildPeer } from '../watch/peer.ts'

const TOPIC = 'keys'
const PER_SEND = 10_000
const node = join(import.meta.dirname, 'node.ts')
/** Its warnings are about settings that are meant. */
const QUIET = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
const sides = ['here', 'Kafka Streams'] as const
type Side = (typeof sides)[number]

interface Restored {
  /** Milliseconds from the begin of the first partition's restore to the end of the last one's, and until all tasks run. */
  readonly read: number
  readonly running: number
  /** Seconds of processor time until all tasks run. */
  readonly cpu: number
}

export const restore = benchmark({
  name: 'restore',
  summary: 'a table, read back from its changelog, beside Kafka Streams',
  sizes: {
    keys: { of: 1_000_000, what: 'in the table' },
    bytes: { of: 100, what: 'of each value' },
    partitions: { of: 4, what: 'of the table' },
    rounds: { of: 3, what: 'of both, in turn' },
  },
  async run(size, signal) {
    const peer = await buildPeer(signal)
    const broker = await startTemporaryBroker()
    const directory = mkdtempSync(join(tmpdir(), 'tickerwatch-restore-'))
    const log = await kafkaLog({ brokers: [broker.brokers], clientId: 'bench' })
    const running = async <T>(side: Side, use: (program: TellingProgram) => Promise<T>): Promise<T> => {
      const words = [broker.brokers, applicationOf(side), join(directory, applicationOf(side))]
      const program =
        side === 'here'
          ? new TellingProgram(process.execPath, ['--import', 'tsx', node, ...words], { signal })
          : new TellingProgram('java', [QUIET, '-cp', peer.classPath, 'watch.KeyTable', ...words], { signal })
      try {
        return await use(program)
      } finally {
        await program.stop()
      }
    }
    try {
      const sum = await fill(log, size)
      const took = new Map<Side, Restored[]>(sides.map(side => [side, []]))
      for (const side of sides)
        await running(side, program => processed(log, applicationOf(side), program, signal))
      for (let round = 0; round < size('rounds'); round++) {
        for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
          rmSync(join(directory, applicationOf(side)), { recursive: true, force: true })
          took.get(side)!.push(await running(side, program => restored(program, size('keys'), sum)))
        }
      }
      const read = await changelogAlone(log, applicationOf('here'))
      return figuresOf(took, size('keys'), read)
    } finally {
      await log.close()
      await broker.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  },
})

function applicationOf(side: Side): string {
  return side === 'here' ? 'table-here' : 'table-streams'
}

/** @returns the sum of all bytes of all values */
async function fill(log: Log, size: (name: 'keys' | 'bytes' | 'partitions') => number): Promise<number> {
  const partitions = size('partitions')
  await log.admin.createTopics([{ topic: TOPIC, partitions, config: { 'retention.ms': '-1' } }])
  const producer = await log.producer({ clientId: 'fill' })
  await producer.init()
  let sum = 0
  const stride = coprime(size('keys'))
  for (let done = 0; done < size('keys'); done += PER_SEND) {
    const records = Array.from({ length: Math.min(PER_SEND, size('keys') - done) }, (_, i) => {
      // Each once, but in no order that a sorted structure likes.
      const index = ((done + i) * stride) % size('keys')
      const key = Buffer.from(`key-${String(index).padStart(9, '0')}`)
      const value = Buffer.alloc(size('bytes'))
      for (let at = 0; at < value.length; at++) value[at] = index * 31 + at * 17 + (index >> 8)
      for (const each of value) sum += each
      return { topic: TOPIC, partition: partitionOf(key, partitions), key, value, timestamp: Date.now() }
    })
    await producer.send(records)
  }
  await producer.close()
  return sum
}

function coprime(count: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b))
  let stride = Math.floor(count * 0.618) | 1
  while (divisor(count, stride) !== 1) stride += 2
  return stride
}

/** Waits until the whole topic is committed as processed. */
async function processed(
  log: Log,
  group: string,
  program: TellingProgram,
  signal: AbortSignal,
): Promise<void> {
  const ends = await log.admin.offsets(TOPIC)
  const total = ends.reduce((sum, { end }) => sum + end, 0)
  for (;;) {
    const committed = await log.admin.committed(group, [TOPIC])
    if (committed.reduce((sum, { position }) => sum + position, 0) >= total) return
    program.expectRunning()
    await delay(100, undefined, { signal })
  }
}

async function restored(program: TellingProgram, keys: number, sum: number): Promise<Restored> {
  const { detail } = await program.event('ENTRIES')
  expectEqual('entries of the restored table', Number(detail[0]), keys)
  expectEqual('the sum of its bytes', Number(detail[1]), sum)
  const of = (name: string) => program.events.filter(each => each.name === name)
  const starts = of('RESTORE_START')
  const since = Math.min(...starts.map(({ at }) => at))
  // Kafka Streams runs once before it has anything to run.
  const running = of('RUNNING').at(-1)!
  return {
    read: Math.max(...of('RESTORE_END').map(({ at }) => at)) - since,
    running: running.at - since,
    cpu: running.cpu - starts[0]!.cpu,
  }
}

/** Milliseconds to fetch the changelog, without looking at its records. */
async function changelogAlone(log: Log, applicationId: string): Promise<number> {
  const topic = `${applicationId}-${TOPIC}-changelog`
  const ends = new Map((await log.admin.offsets(topic)).map(({ partition, end }) => [partition, end]))
  const reader = await log.reader({ clientId: 'bench' })
  const since = performance.now()
  for (const partition of ends.keys()) reader.seek({ topic, partition }, 0)
  while (ends.size > 0) {
    for (const { partition, lastOffset } of await reader.poll(100)) {
      if (lastOffset + 1 >= ends.get(partition)!) ends.delete(partition)
    }
  }
  const took = performance.now() - since
  await reader.close()
  return took
}

function figuresOf(took: ReadonlyMap<Side, readonly Restored[]>, keys: number, alone: number): Figure[] {
  const of = (side: Side, worth: (each: Restored) => number): number => median(took.get(side)!.map(worth))
  const rate = (ms: number): number => keys / (ms / 1000)
  const beside = (what: string, unit: string, worth: (each: Restored) => number): Figure[] => [
    {
      ...{ what: `${what}, here`, unit, value: of('here', worth) },
      limit: { what: 'Kafka Streams', value: of('Kafka Streams', worth) },
    },
  ]
  const read = of('here', each => rate(each.read))
  return [
    ...beside('first to last record', 'records/s', each => rate(each.read)),
    ...beside('until all tasks run', 'records/s', each => rate(each.running)),
    ...beside('until all tasks run', 'CPU-s/M', each => (each.cpu / keys) * 1e6),
    {
      ...{ what: 'first to last record, here', unit: 'records/s', value: read },
      limit: { what: 'the changelog fetched and not looked at', value: rate(alone) },
    },
  ]
}
