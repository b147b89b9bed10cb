/** Avro payloads of all our schemas and of foreign ones, and the envelope that they come in. */
import avsc from 'avsc'
import type fc from 'fast-check'
import { arbitraryOf } from '../../schemas/avro/arbitraries.ts'
import { recordSchema } from '../../schemas/avro/decoder.ts'
import {
  Annotation,
  AnnotationClaim,
  AnnotationRequest,
  type AvroType,
  avroSerdes,
  decoder,
  localRegistry,
  ModelRelease,
  Prediction,
  SchemaPending,
  SensorReading,
  ShadowPrediction,
} from '../../schemas/index.ts'
import { type Decoded, ofCode, sizeOf, type Target } from './target.ts'

const malformed = /^AVRO_(TRUNCATED|TRAILING|MALFORMED)$/

function avroTarget<T extends object>(type: AvroType<T>): Target {
  const values = arbitraryOf(recordSchema(type.schema)) as fc.Arbitrary<T>
  const decode = (bytes: Buffer): Decoded => {
    const value = type.decode(bytes)
    return { value, size: sizeOf(value), again: () => decode(type.encode(value)) }
  }
  return {
    name: `avro ${type.name}`,
    right: values.map(value => type.encode(value)),
    decode,
    expected: error => ofCode(error, malformed),
  }
}

/** What our schemas do not have: items without bytes, maps, arrays in arrays. */
const foreignSchema = {
  type: 'record',
  name: 'Foreign',
  fields: [
    { name: 'nothing', type: { type: 'array', items: 'null' } },
    { name: 'more', type: { type: 'map', values: { type: 'array', items: ['null', 'double'] } } },
    { name: 'text', type: 'string' },
  ],
}

function foreign(): Target {
  const peer = avsc.Type.forSchema(foreignSchema as avsc.Schema)
  const type: AvroType<Record<string, unknown>> = {
    ...{ name: 'Foreign', schema: foreignSchema, fingerprint: '' },
    encode: value => peer.toBuffer(value),
    decode: (bytes, at, end) => decode(bytes, at, end),
  }
  const decode = decoder(type)
  return { ...avroTarget(type), name: 'avro of a foreign schema' }
}

const avro = avroSerdes(localRegistry())
const reading = avro.value('readings', SensorReading)
const projected = avro.projection('readings', SensorReading, ['deviceId', 'stamp'])
await avro.register()

const envelope: Target = {
  name: 'wire envelope',
  right: (arbitraryOf(recordSchema(SensorReading.schema)) as fc.Arbitrary<SensorReading>).map(value =>
    reading.serialize(value),
  ),
  fields: [0, 1, 2, 3, 4],
  decode(bytes) {
    const value = reading.deserialize(bytes)
    const some = projected.deserialize(bytes)
    if (some.stamp !== value.stamp || some.deviceId !== value.deviceId)
      throw new Error('a projection reads something else')
    return { value, size: sizeOf(value), again: () => envelope.decode(reading.serialize(value)) }
  },
  expected: error => {
    if (error instanceof SchemaPending) error.ready.catch(() => {})
    return ofCode(error, /^(AVRO|WIRE)_/)
  },
}

export const avroTargets: readonly Target[] = [
  avroTarget(SensorReading),
  avroTarget(Prediction),
  avroTarget(ShadowPrediction),
  avroTarget(AnnotationRequest),
  avroTarget(Annotation),
  avroTarget(AnnotationClaim),
  avroTarget(ModelRelease),
  foreign(),
  envelope,
]
