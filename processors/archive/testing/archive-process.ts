/**
 * An archive as a process of its own, to be killed: `node --import tsx archive-process.ts BROKERS TOPIC GROUP DIRECTORY OFFSETS`.
 * The values are Avro without a schema id.
 */
import { fileStore } from '../../../lake/file-store.ts'
import { SensorReading } from '../../../schemas/index.ts'
import { systemTimers } from '../../../topology/index.ts'
import { kafkaLog } from '../../../topology/log/kafka/kafka-log.ts'
import { startArchive } from '../archive.ts'

const [brokers = '', topic = '', group = '', directory = '', offsets = ''] = process.argv.slice(2)
const say = (line: string): void => console.error(line)
startArchive({
  log: await kafkaLog({ brokers: [brokers], clientId: group }),
  topic,
  group,
  clientId: group,
  store: fileStore(directory),
  decode: value => SensorReading.decode(value),
  timers: systemTimers,
  logger: { info: say, warn: say },
  offsetsPerFile: Number(offsets),
})
