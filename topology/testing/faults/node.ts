/** A node of the fault run, a process of its own: `node --import tsx node.ts JSON`. SIGTERM stops it in good order. */
import { rocksdbBackend } from '../../../state/index.ts'
import { StreamsNode } from '../../index.ts'
import { kafkaLog } from '../../log/kafka/kafka-log.ts'
import { Connections, type RequestName } from './connections.ts'
import { FailPoints } from './fail-points.ts'
import { nodeOrder, nodeStart, tell } from './messages.ts'
import { pipeline, SESSION_TIMEOUT } from './pipeline.ts'

const { brokers, applicationId, clientId, state, strike, cut } = nodeStart.parse(JSON.parse(process.argv[2]!))
const connections = new Connections()
const points = new FailPoints(connections)

const cutNext = (request: RequestName): void => connections.cut(request, () => tell({ kind: 'cut', request }))
if (strike !== undefined) points.arm(strike)
if (cut !== undefined) cutNext(cut)
process.on('message', message => {
  const order = nodeOrder.parse(message)
  if ('strike' in order) points.arm(order.strike)
  else cutNext(order.cut)
})
let stopping: Promise<void> | undefined

try {
  const { socketFactory } = connections
  const log = points.log(await kafkaLog({ brokers: [brokers], clientId, socketFactory }), positions =>
    tell({
      kind: 'committed',
      at: Date.now(),
      partitions: positions.map(({ topic, partition }) => `${topic}/${partition}`),
    }),
  )
  const node = new StreamsNode({
    topology: pipeline(applicationId, async () => {
      await new Promise(resolve => setImmediate(resolve))
      points.reached('1 draining')
    }),
    applicationId,
    clientId,
    log,
    state: points.state(rocksdbBackend(state)),
    guarantee: 'exactly_once',
    sessionTimeout: SESSION_TIMEOUT,
    onNotice: text => tell({ kind: 'notice', text }),
    onRestored: (task, records) => tell({ kind: 'notice', text: `task ${task} restored ${records} records` }),
  })
  process.once('SIGTERM', () => {
    stopping = node.close()
  })
  await node.start()
  await node.run()
  await stopping
  await log.close()
} catch (error) {
  tell({ kind: 'failed', text: error instanceof Error ? `${error.stack}` : String(error) })
  process.exitCode = 1
}
process.disconnect?.()
// A connection that was broken off may keep the process alive.
setTimeout(() => process.exit(), 1_000).unref()
