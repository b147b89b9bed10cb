/**
 * A table of the topic `keys` in a store with a changelog, as a process until SIGTERM: for measuring how fast it is restored.
 * The peer's `watch.KeyTable` is the same, with the same arguments and events.
 */
import { stopSignal } from '../../cli/stop-signal.ts'
import { rocksdbBackend } from '../../state/index.ts'
import { KeyValueStore, StreamsNode, string, TopologyBuilder } from '../../topology/index.ts'
import { kafkaLog } from '../../topology/log/kafka/kafka-log.ts'
import { bytes } from '../../topology/serde.ts'
import { event } from '../event.ts'

const [brokers, applicationId, stateDir] = process.argv.slice(2)
const stop = stopSignal()
const builder = new TopologyBuilder()
builder.table('keys', { key: string, value: bytes, store: 'keys' })
const log = await kafkaLog({ brokers: [brokers!], clientId: applicationId! })
const node = new StreamsNode({
  topology: builder.build(),
  applicationId: applicationId!,
  log,
  state: rocksdbBackend(stateDir!),
  onNotice: console.error,
  onRestore(restore) {
    const changelog = `${restore.topic}-${restore.partition}`
    if (restore.type === 'start') event('RESTORE_START', changelog, restore.end - restore.start)
    if (restore.type === 'end') event('RESTORE_END', changelog, restore.records)
  },
  onRestored: () => setImmediate(tellWhenAllRun),
})
const partitions = (await log.admin.describeTopic('keys'))!.partitions
await node.start()
stop.addEventListener('abort', () => void node.close())
await node.run()
await node.close()
await log.close()

function tellWhenAllRun(): void {
  if (node.status().tasks.length < partitions) return
  event('RUNNING')
  let [entries, sum] = [0, 0]
  for (const { store } of node.stores('keys')) {
    if (!(store instanceof KeyValueStore)) throw new Error('the table is kept in another kind of store')
    for (const { value } of store.entries()) {
      entries++
      for (const each of value) sum += each
    }
  }
  event('ENTRIES', entries, sum)
}
