/** The node of one thread of the counting pipeline. */
import { rocksdbBackend } from '../../../state/index.ts'
import { StreamsNode, type ThreadMaker } from '../../index.ts'
import { kafkaLog } from '../../log/kafka/kafka-log.ts'
import { countingTopology } from './topology.ts'

export interface CountingThread {
  readonly brokers: string
  readonly applicationId: string
  readonly state: string
  readonly sessionTimeout: number
}

const make: ThreadMaker<CountingThread> = async (options, { clientId, node: process, listener }) => {
  const { brokers, applicationId, state, sessionTimeout } = options
  const log = await kafkaLog({ brokers: brokers.split(','), clientId })
  const node = new StreamsNode({
    topology: countingTopology(applicationId),
    applicationId,
    clientId,
    node: process,
    log,
    state: rocksdbBackend(state),
    sessionTimeout,
    ...listener,
  })
  return { node, close: () => log.close() }
}

export default make
