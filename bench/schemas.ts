/** `npx tsx bench/schemas.ts`: decoding and encoding readings, in relation to avsc. */
import avsc from 'avsc'
import { cursor, decoder, SensorReading } from '../schemas/index.ts'

const ROUNDS = 15
const RECORDS = 100_000

const reading: SensorReading = {
  deviceId: 'watch-0001',
  stamp: 1_600_000_000_123,
  yaw: 0.512,
  pitch: -0.25,
  roll: 1.75,
  rotationRateX: 0.01,
  rotationRateY: -0.02,
  rotationRateZ: 0.3,
  userAccelerationX: 0.11,
  userAccelerationY: -0.27,
  userAccelerationZ: 0.04,
  locationType: null,
  latitudeDistanceFromMean: 0.001,
  longitudeDistanceFromMean: -0.002,
  altitudeDistanceFromMean: 3.5,
  course: -1,
  speed: 0,
  horizontalAccuracy: 65,
  verticalAccuracy: 10,
  batteryState: 'unplugged',
  userActivityLabel: null,
}

const peer = avsc.Type.forSchema(SensorReading.schema as avsc.Schema)
const readings = Array.from({ length: 1000 }, (_, i) => ({
  ...reading,
  stamp: reading.stamp + i * 100,
  pitch: Math.sin(i),
}))
// As from a fetch: many records in one piece of memory.
const batch = Buffer.concat(readings.map(value => SensorReading.encode(value)))
const size = batch.length / readings.length
const bodies = readings.map((_, i) => batch.subarray(i * size, (i + 1) * size))
const fields = ['deviceId', 'stamp', 'pitch', 'roll'] as const

/** Taken in turns and by CPU time, so that a busy machine is unfair to none; the fastest round counts. */
function compare(title: string, candidates: Readonly<Record<string, (index: number) => object>>): void {
  const best = new Map(Object.keys(candidates).map(name => [name, Number.POSITIVE_INFINITY]))
  let used = 0
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(candidates)) {
      const start = process.cpuUsage()
      for (let i = 0; i < RECORDS; i++) used += Object.is(run(i % readings.length), null) ? 1 : 0
      const { user, system } = process.cpuUsage(start)
      best.set(name, Math.min(best.get(name)!, user + system))
    }
  }
  if (used > 0) throw new Error('a result is missing')
  const [reference] = best.values()
  console.log(`${title} (${size} bytes, ${Object.keys(reading).length} fields)`)
  for (const [name, microseconds] of best) {
    const ratio = (reference! / microseconds).toFixed(1).padStart(5)
    console.log(`  ${name.padEnd(34)}${ratio} ×  ${(microseconds / RECORDS).toFixed(2)} CPU-s per million`)
  }
}

const [some, reused, someReused] = [
  decoder(SensorReading, { fields }),
  cursor(SensorReading),
  cursor(SensorReading, { fields }),
]
compare('decode', {
  'avsc fromBuffer': i => peer.fromBuffer(bodies[i]!),
  'avsc decode': i => peer.decode(bodies[i]!, 0),
  'generated, an object each': i => SensorReading.decode(bodies[i]!),
  'generated, a cursor': i => reused(bodies[i]!),
  'generated, 4 fields, an object each': i => some(bodies[i]!),
  'generated, 4 fields, a cursor': i => someReused(bodies[i]!),
})
compare('encode', {
  'avsc toBuffer': i => peer.toBuffer(readings[i]!),
  generated: i => SensorReading.encode(readings[i]!),
})
