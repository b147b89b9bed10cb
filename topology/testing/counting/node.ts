/**
 * A node of the counting pipeline as a process of its own, to be killed. It ends in good order at SIGTERM.
 * `node --import tsx topology/testing/counting/node.ts --brokers … --client-id … --state …`
 */
import { parseArgs } from 'node:util'
import { rocksdbBackend } from '../../../state/index.ts'
import { StreamsNode } from '../../index.ts'
import { kafkaLog } from '../../log/kafka/kafka-log.ts'
import { countingTopology } from './topology.ts'

const text = { type: 'string', default: '' } as const
const { values } = parseArgs({
  options: {
    brokers: text,
    'application-id': text,
    'client-id': text,
    state: text,
    'session-timeout': { type: 'string', default: '10000' },
  },
})
const { 'client-id': clientId, 'application-id': applicationId } = values
const log = await kafkaLog({ brokers: values.brokers.split(','), clientId })
const node = new StreamsNode({
  topology: countingTopology(applicationId),
  applicationId,
  clientId,
  log,
  state: rocksdbBackend(values.state),
  sessionTimeout: Number(values['session-timeout']),
  onNotice: notice => console.error(`${clientId}: ${notice}`),
})
process.once('SIGTERM', () => void node.close())
await node.start()
console.log('started')
await node.run()
await node.close()
await log.close()
