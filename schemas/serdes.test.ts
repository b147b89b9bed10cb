import { expect, test } from 'vitest'
import { SchemaError, type SchemaErrorCode } from './errors.ts'
import {
  avroSerdes,
  localRegistry,
  Prediction,
  SchemaPending,
  type SchemaRegistry,
  SensorReading,
} from './index.ts'

const nothing = Object.fromEntries(fieldNames().map(name => [name, null]))
const reading = { ...nothing, deviceId: 'watch-1', stamp: 1_600_000_000_000, pitch: 0.5 } as SensorReading

function fieldNames(): string[] {
  return (SensorReading.schema as { fields: { name: string }[] }).fields.map(field => field.name)
}

function raised(code: SchemaErrorCode): object {
  return expect.objectContaining({ code })
}

/** What a call throws. */
function thrown(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

/** A registry that counts its answers. */
function counted(registry: SchemaRegistry): SchemaRegistry & { asked: number } {
  return {
    asked: 0,
    register: registry.register,
    schemaById(id) {
      this.asked++
      return registry.schemaById(id)
    },
  }
}

function withId(id: number, body: Buffer): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(id, 1)
  return Buffer.concat([header, body])
}

test('writes magic 0, the id, the body, and reads its own without asking', async () => {
  const registry = counted(localRegistry())
  const avro = avroSerdes(registry)
  avro.key('other', Prediction)
  const serde = avro.value('ticker-watch-data', SensorReading)
  await avro.register()
  const bytes = serde.serialize(reading)
  const id = await registry.register('another-value', SensorReading.schema)
  expect(bytes.subarray(0, 5)).toEqual(withId(id, Buffer.alloc(0)))
  expect(bytes.subarray(5)).toEqual(SensorReading.encode(reading))
  expect(serde.deserialize(bytes)).toEqual(reading)
  expect(registry.asked).toBe(0)
})

test('the same schema has one id, under every subject and from every node', async () => {
  const [here, there] = [localRegistry(), localRegistry()]
  await there.register('c-value', Prediction.schema)
  const id = await here.register('a-value', SensorReading.schema)
  expect(await here.register('b-value', SensorReading.schema)).toBe(id)
  expect(await there.register('a-value', SensorReading.schema)).toBe(id)
})

test('fetches the schema of another writer once, and resolves it', async () => {
  const local = localRegistry()
  const older = {
    ...SensorReading.schema,
    fields: (SensorReading.schema as { fields: object[] }).fields.slice(0, 4),
  }
  await local.register('x-value', { type: 'record', name: 'Other', fields: [] })
  const id = await local.register('x-value', older)
  const registry = counted(local)
  const serde = avroSerdes(registry).value('x', SensorReading)
  // deviceId "w", stamp 1, yaw null, pitch null
  const bytes = withId(id, Buffer.of(2, 119, 2, 0, 0))

  const [first, second] = [thrown(() => serde.deserialize(bytes)), thrown(() => serde.deserialize(bytes))]
  if (!(first instanceof SchemaPending && second instanceof SchemaPending)) throw first
  expect(second.ready).toBe(first.ready)
  await first.ready
  expect(serde.deserialize(bytes)).toEqual({ ...nothing, deviceId: 'w', stamp: 1 })
  expect(registry.asked).toBe(1)
})

test('an unknown id is asked for once a minute, and an id that appears later is found', async () => {
  let now = 0
  const local = localRegistry()
  const registry = counted(local)
  const serde = avroSerdes(registry, () => now).value('x', SensorReading)
  const id = await localRegistry().register('x-value', SensorReading.schema)
  const bytes = withId(id, SensorReading.encode(reading))

  const settle = async () => {
    const error = thrown(() => serde.deserialize(bytes))
    if (!(error instanceof SchemaPending)) throw error
    await error.ready
  }
  await settle()
  for (let i = 0; i < 100; i++) expect(() => serde.deserialize(bytes)).toThrow(raised('WIRE_SCHEMA_UNKNOWN'))
  expect(registry.asked).toBe(1)

  await local.register('x-value', SensorReading.schema)
  expect(() => serde.deserialize(bytes)).toThrow(raised('WIRE_SCHEMA_UNKNOWN'))
  now += 60_000
  await settle()
  expect(serde.deserialize(bytes)).toEqual(reading)
  expect(registry.asked).toBe(2)
})

test('a registry that cannot be asked is no fault of the record: ready rejects, and the next call asks again', async () => {
  let down = true
  const local = localRegistry()
  const id = await local.register('x-value', SensorReading.schema)
  const registry: SchemaRegistry = {
    register: local.register,
    async schemaById(id) {
      if (down) throw new SchemaError('REGISTRY_UNREACHABLE', 'down')
      return local.schemaById(id)
    },
  }
  const serde = avroSerdes(registry).value('x', SensorReading)
  const bytes = withId(id, SensorReading.encode(reading))
  const pending = () => thrown(() => serde.deserialize(bytes)) as SchemaPending
  await expect(pending().ready).rejects.toThrow(raised('REGISTRY_UNREACHABLE'))
  down = false
  await pending().ready
  expect(serde.deserialize(bytes)).toEqual(reading)
})

test('a schema that cannot be read as the type is an error of every record with it', async () => {
  const registry = localRegistry()
  const id = await registry.register('x-value', Prediction.schema)
  const serde = avroSerdes(registry).value('x', SensorReading)
  const bytes = withId(id, Buffer.alloc(1))
  await (thrown(() => serde.deserialize(bytes)) as SchemaPending).ready
  for (let i = 0; i < 2; i++) expect(() => serde.deserialize(bytes)).toThrow(raised('SCHEMA_INCOMPATIBLE'))
})

test.each<[string, Buffer, SchemaErrorCode]>([
  ['no bytes', Buffer.alloc(0), 'WIRE_SHORT'],
  ['a header cut off', Buffer.alloc(4), 'WIRE_SHORT'],
  ['another magic byte', Buffer.from('{"json":1}'), 'WIRE_MAGIC'],
])('refuses %s', async (_what, bytes, code) => {
  const avro = avroSerdes(localRegistry())
  const serde = avro.value('x', SensorReading)
  await avro.register()
  expect(() => serde.deserialize(bytes)).toThrow(raised(code))
})

test('refuses an id without a body', async () => {
  const avro = avroSerdes(localRegistry())
  const serde = avro.value('x', SensorReading)
  await avro.register()
  const header = serde.serialize(reading).subarray(0, 5)
  expect(() => serde.deserialize(header)).toThrow(raised('AVRO_TRUNCATED'))
})

test('refuses to write before it is registered, and one subject for two types', () => {
  const avro = avroSerdes(localRegistry())
  const serde = avro.value('x', SensorReading)
  expect(() => serde.serialize(reading)).toThrow(raised('REGISTRY_FAILED'))
  expect(() => avro.value('x', Prediction)).toThrow(raised('SCHEMA_INVALID'))
  expect(avro.value('x', SensorReading).name).toBe(serde.name)
})

test('a projection reads the fields asked for, of what any schema wrote, refuses what a whole value does, and writes nothing', async () => {
  const registry = localRegistry()
  const writer = avroSerdes(registry).value('ticker-watch-data', SensorReading)
  const avro = avroSerdes(registry)
  const whole = avro.value('ticker-watch-data', SensorReading)
  const serde = avro.projection('ticker-watch-data', SensorReading, ['stamp', 'pitch'])
  await avro.register()
  const bytes = whole.serialize(reading)
  expect(serde.deserialize(bytes)).toEqual({ stamp: reading.stamp, pitch: 0.5 })
  expect(serde.name).toBe(writer.name)
  expect(thrown(() => serde.deserialize(bytes.subarray(0, -1)))).toEqual(raised('AVRO_TRUNCATED'))
  expect(thrown(() => serde.serialize({ stamp: 1, pitch: 2 }))).toEqual(raised('AVRO_VALUE'))

  const older = { type: 'record', name: 'SensorReading', fields: [{ name: 'stamp', type: 'int' }] }
  const id = await registry.register('older', older)
  expect(thrown(() => serde.deserialize(withId(id, Buffer.of(2))))).toEqual(raised('WIRE_SCHEMA_PENDING'))
})
