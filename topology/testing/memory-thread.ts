/** A thread with a log in memory of its own: ten numbers, one record that is none, and what the test asks for. */
import { memoryBackend } from '../../state/index.ts'
import { long, memoryLog, StreamsNode, string, type ThreadMaker, TopologyBuilder } from '../index.ts'

export interface MemoryThread {
  /** Throw on this number. */
  readonly failOn?: number
  /** Leave the topics out. */
  readonly withoutTopics?: boolean
}

const make: ThreadMaker<MemoryThread> = async ({ failOn, withoutTopics }, { clientId, listener }) => {
  const log = memoryLog()
  if (withoutTopics !== true) {
    await log.admin.createTopics(['in', 'out'].map(topic => ({ topic, partitions: 1 })))
    const producer = await log.producer({ clientId: 'writer' })
    await producer.init()
    const values = [...Array.from({ length: 10 }, (_, i) => long.serialize(i)), Buffer.from('none')]
    await producer.send(
      values.map((value, timestamp) => ({ topic: 'in', partition: 0, key: null, value, timestamp })),
    )
  }
  const builder = new TopologyBuilder()
  builder
    .stream('in', { key: string, value: long })
    .mapValues(value => {
      if (value === failOn) throw new Error(`${value} is refused`)
      return value
    })
    .to('out', { value: long })
  const topology = builder.build()
  const node = new StreamsNode({
    topology,
    applicationId: 'app',
    clientId,
    log,
    state: memoryBackend(),
    ...listener,
  })
  return { node, close: () => log.close() }
}

export default make
