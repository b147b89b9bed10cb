/**
 * Readings through hopping windows on the log in memory, exactly-once: decode, collect, commit. Prints readings per second
 * and CPU-seconds per million readings. `npx tsx bench/windows.ts [readings]`
 */
import { avroSerdes, localRegistry, SensorReading } from '../schemas/index.ts'
import { memoryBackend } from '../state/index.ts'
import { hopping, memoryLog, partitionOf, StreamsNode, string, TopologyBuilder } from '../topology/index.ts'

const READINGS = Number(process.argv[2] ?? 1_000_000)
const DEVICES = 200
const PARTITIONS = 4
const TOPIC = 'readings'

const avro = avroSerdes(localRegistry())
const value = avro.value(TOPIC, SensorReading)
const builder = new TopologyBuilder()
builder
  .stream(TOPIC, { key: string, value })
  .groupByKey()
  .window('motion', hopping({ size: '5 s', advance: '2.5 s', grace: '1 s' }), { clock: 'perKey' })
  .collect([
    'pitch',
    'roll',
    'rotationRateX',
    'rotationRateY',
    'rotationRateZ',
    'userAccelerationX',
    'userAccelerationY',
    'userAccelerationZ',
  ])
  .mapWindows('count', samples => samples.count)
await avro.register()

const log = memoryLog({ limits: { partitionBytes: Number.POSITIVE_INFINITY } })
await log.admin.createTopics([{ topic: TOPIC, partitions: PARTITIONS }])
await fill()
const node = new StreamsNode({
  topology: builder.build(),
  applicationId: 'bench',
  log,
  state: memoryBackend(),
})
await node.start()
const [began, cpuBefore] = [performance.now(), process.cpuUsage()]
const running = node.run()
while (node.status().processed < READINGS) await new Promise(resolve => setTimeout(resolve, 10))
const seconds = (performance.now() - began) / 1000
const { user, system } = process.cpuUsage(cpuBefore)
console.log(`readings/s               ${Math.round(READINGS / seconds)}`)
console.log(`CPU-s per million        ${((user + system) / READINGS).toFixed(2)}`)
console.log(`windows closed           ${node.status().windowsClosed}`)
await node.close()
await running

/** Each device in turn, 10 readings a second. */
async function fill(): Promise<void> {
  const producer = await log.producer({ clientId: 'bench' })
  await producer.init()
  for (let done = 0; done < READINGS; ) {
    const records = []
    for (; records.length < 1000 && done < READINGS; done++) {
      const deviceId = `device-${done % DEVICES}`
      const key = Buffer.from(deviceId)
      const stamp = 1_700_000_000_000 + Math.floor(done / DEVICES) * 100
      const partition = partitionOf(key, PARTITIONS)
      records.push({
        topic: TOPIC,
        partition,
        key,
        value: value.serialize(reading(deviceId, stamp)),
        timestamp: stamp,
      })
    }
    await producer.send(records)
  }
  await producer.close()
}

function reading(deviceId: string, stamp: number): SensorReading {
  const x = Math.sin(stamp / 300)
  return {
    deviceId,
    stamp,
    yaw: x,
    pitch: -x,
    roll: x / 2,
    rotationRateX: x,
    rotationRateY: 2 * x,
    rotationRateZ: 3 * x,
    userAccelerationX: -x,
    userAccelerationY: x / 3,
    userAccelerationZ: x / 5,
    locationType: null,
    latitudeDistanceFromMean: null,
    longitudeDistanceFromMean: null,
    altitudeDistanceFromMean: null,
    course: null,
    speed: null,
    horizontalAccuracy: null,
    verticalAccuracy: null,
    batteryState: 'unplugged',
    userActivityLabel: null,
  }
}
