/** Avro bodies of readings to values and back: what the generated coders do, beside the least that must be done, and avsc. */
import avsc from 'avsc'
import { cursor, decoder, SensorReading } from '../schemas/index.ts'
import { benchmark, contest, expectEqual } from './benchmark.ts'
import { reading } from './reading.ts'

const KINDS = 1000
const fields = ['deviceId', 'stamp', 'pitch', 'roll'] as const

export const decode = benchmark({
  name: 'decode',
  summary: 'Avro bodies to readings and back, beside coders by hand and avsc',
  sizes: { records: { of: 500_000, what: 'coded by each way' }, rounds: { of: 5, what: 'of each way' } },
  async run(size) {
    const readings = Array.from({ length: KINDS }, (_, i) =>
      reading('watch-0001', 1_600_000_000_123 + i * 100),
    )
    // As from a fetch: many records in one piece of memory.
    const batch = Buffer.concat(readings.map(value => SensorReading.encode(value)))
    const length = batch.length / KINDS
    const bodies = readings.map((_, i) => batch.subarray(i * length, (i + 1) * length))
    const peer = avsc.Type.forSchema(JSON.parse(JSON.stringify(SensorReading.schema)))
    const [some, reused] = [decoder(SensorReading, { fields }), cursor(SensorReading)]
    const someReused = cursor(SensorReading, { fields })

    const records = size('records')
    const wanted = sumOf(records, i => readings[i]!.pitch!)
    const way = (decodeOne: (body: Buffer) => { readonly pitch: number | null }) => () =>
      expectEqual(
        'the sum of a field',
        sumOf(records, i => decodeOne(bodies[i]!).pitch!),
        wanted,
      )
    const decoding = {
      'decode by hand, 4 fields': way(byHand),
      'decode, 4 fields, a cursor': way(someReused),
      'decode, 4 fields, an object each': way(some),
      'decode, 21 fields, a cursor': way(reused),
      'decode, 21 fields, an object each': way(SensorReading.decode),
      'decode, avsc': way(body => peer.decode(body, 0).value),
    }
    const writing = (encodeOne: (index: number) => Buffer) => () =>
      expectEqual(
        'bytes written',
        sumOf(records, i => encodeOne(i).length),
        records * length,
      )
    const encoding = {
      'encode: the bytes copied': writing(i => Buffer.from(bodies[i]!)),
      encode: writing(i => SensorReading.encode(readings[i]!)),
      'encode, avsc': writing(i => peer.toBuffer(readings[i]!)),
    }
    const common = { count: records, of: 'records', rounds: size('rounds') }
    return [
      ...(await contest({ ...common, ways: decoding })),
      ...(await contest({ ...common, ways: encoding })),
    ]
  },
})

function sumOf(records: number, of: (index: number) => number): number {
  let sum = 0
  for (let i = 0; i < records; i++) sum += of(i % KINDS)
  return sum
}

/** What the layout of the schema's first fields asks for, and nothing is checked. */
function byHand(body: Buffer) {
  let at = 0
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const byte = body[at++]!
    length |= (byte & 127) << shift
    if (byte < 128) break
  }
  const end = at + (length >>> 1)
  const deviceId = body.toString('latin1', at, end)
  at = end
  let stamp = 0
  for (let factor = 1; ; factor *= 128) {
    const byte = body[at++]!
    stamp += (byte & 127) * factor
    if (byte < 128) break
  }
  const pitchAt = at + (body[at] === 0 ? 1 : 9)
  const pitch = body[pitchAt] === 0 ? null : body.readDoubleLE(pitchAt + 1)
  const rollAt = pitchAt + (pitch === null ? 1 : 9)
  const roll = body[rollAt] === 0 ? null : body.readDoubleLE(rollAt + 1)
  return { deviceId, stamp: stamp / 2, pitch, roll }
}
