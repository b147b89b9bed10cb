/** A node that runs the workload: in the main thread, or in each of several. */
import { rocksdbBackend } from '../../state/index.ts'
import { type ProcessingGuarantee, StreamsNode } from '../../topology/index.ts'
import { kafkaLog } from '../../topology/log/kafka/kafka-log.ts'
import { event } from './event.ts'
import { onnxScorer } from './scorer.ts'
import { watchTopology } from './topology.ts'

export interface WatchOptions {
  readonly brokers: string
  readonly applicationId: string
  readonly stateDir: string
  readonly model: string
  readonly guarantee: ProcessingGuarantee
}

/** What is to be closed with it comes after the node. */
export interface WatchNode {
  readonly node: StreamsNode
  close(): Promise<void>
}

export default async function watchNode(
  options: WatchOptions,
  context: { readonly clientId: string; readonly listener: { onNotice(text: string): void } },
): Promise<WatchNode> {
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
    onRestore: restore => {
      const changelog = `${restore.topic}-${restore.partition}`
      if (restore.type === 'start') event('RESTORE_START', changelog, restore.end - restore.start)
      if (restore.type === 'end') event('RESTORE_END', changelog, restore.records)
    },
  })
  return { node, close: () => log.close() }
}
