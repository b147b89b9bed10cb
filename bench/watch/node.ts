/** A node that runs the workload: in the main thread, or in each of several. */
import { rocksdbBackend } from '../../state/index.ts'
import {
  type NodeOptions,
  type ProcessingGuarantee,
  StreamsNode,
  type ThreadNode,
} from '../../topology/index.ts'
import { kafkaLog } from '../../topology/log/kafka/kafka-log.ts'
import { event } from '../event.ts'
import { onnxScorer } from './scorer.ts'
import { watchTopology } from './topology.ts'

export interface WatchOptions {
  readonly brokers: string
  readonly applicationId: string
  readonly stateDir: string
  readonly model: string
  readonly guarantee: ProcessingGuarantee
}

export default async function watchNode(
  options: WatchOptions,
  context: { readonly clientId: string; readonly listener: Pick<NodeOptions, 'onNotice' | 'onRestore'> },
): Promise<ThreadNode> {
  const { clientId, listener } = context
  const { applicationId, guarantee } = options
  const score = await onnxScorer(options.model)
  const log = await kafkaLog({ brokers: options.brokers.split(','), clientId })
  const node = new StreamsNode({
    topology: await watchTopology(score, () => event('FIRST_RECORD')),
    applicationId,
    clientId,
    log,
    state: rocksdbBackend(options.stateDir),
    guarantee,
    ...listener,
  })
  return { node, close: () => log.close() }
}
