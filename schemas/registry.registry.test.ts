import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SchemaErrorCode } from './errors.ts'
import { avroSerdes, confluentRegistry, Prediction, SchemaPending, SensorReading } from './index.ts'
import { type RunningRegistry, registryUnavailable, startRegistry } from './testing/apicurio.ts'

const unavailable = registryUnavailable()

function raised(code: SchemaErrorCode, text = ''): object {
  return expect.objectContaining({ code, message: expect.stringContaining(text) })
}

const fields = (SensorReading.schema as { fields: { name: string }[] }).fields
const nothing = Object.fromEntries(fields.map(field => [field.name, null]))
const reading = { ...nothing, deviceId: 'watch-1', stamp: 1_600_000_000_000, pitch: 0.5 } as SensorReading

describe.skipIf(unavailable !== undefined)(
  `a registry with Confluent's API${unavailable ? ` (${unavailable})` : ''}`,
  () => {
    let server: RunningRegistry
    beforeAll(async () => {
      server = await startRegistry()
    })
    afterAll(() => server?.stop())

    test('what one node writes, another reads by the id in the record', async () => {
      const writer = avroSerdes(confluentRegistry(server.url))
      const written = writer.value('ticker-watch-data', SensorReading)
      await writer.register()
      const bytes = written.serialize(reading)

      const serde = avroSerdes(confluentRegistry(server.url)).value('ticker-watch-data', SensorReading)
      const pending = caught(() => serde.deserialize(bytes))
      if (!(pending instanceof SchemaPending)) throw pending
      await pending.ready
      expect(serde.deserialize(bytes)).toEqual(reading)
    })

    test('nodes that register at the same time get the same id', async () => {
      const ids = [confluentRegistry(server.url), confluentRegistry(server.url)].map(registry =>
        registry.register('again-value', Prediction.schema),
      )
      const [first, second] = await Promise.all(ids)
      expect(second).toBe(first)
    })

    test('the schema comes back as it was, and compatibility is BACKWARD', async () => {
      const registry = confluentRegistry(server.url)
      const id = await registry.register('whole-value', SensorReading.schema)
      const { fields: returned } = (await registry.schemaById(id)) as {
        fields: { name: string; type: unknown; default?: unknown }[]
      }
      expect(returned.map(field => field.name)).toEqual(fields.map(field => field.name))
      expect(returned[2]).toMatchObject({ name: 'yaw', type: ['null', 'double'], default: null })
      const answer = await fetch(`${server.url}/config/whole-value`)
      expect(await answer.json()).toEqual({ compatibilityLevel: 'BACKWARD' })
    })

    test('a compatibility that somebody chose is no obstacle, and stays', async () => {
      const registry = confluentRegistry(server.url)
      const older = { ...SensorReading.schema, fields: fields.slice(0, 4) }
      await registry.register('chosen-value', older)
      const level = `${server.url}/config/chosen-value`
      const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
      for (const compatibility of ['FULL', 'NONE']) {
        const body = JSON.stringify({ compatibility })
        expect((await fetch(level, { method: 'PUT', headers, body })).status).toBe(200)
        await confluentRegistry(server.url).register('chosen-value', SensorReading.schema)
        expect(await (await fetch(level)).json()).toEqual({ compatibilityLevel: compatibility })
      }
    })

    test('an evolved schema is taken, one that cannot read the old is refused', async () => {
      const registry = confluentRegistry(server.url)
      const older = { ...SensorReading.schema, fields: fields.slice(0, 4) }
      const first = await registry.register('evolving-value', older)
      const second = await registry.register('evolving-value', SensorReading.schema)
      expect(second).not.toBe(first)
      const broken = { ...older, fields: [...fields.slice(0, 4), { name: 'needed', type: 'string' }] }
      await expect(registry.register('evolving-value', broken)).rejects.toThrow(
        raised('REGISTRY_INCOMPATIBLE', 'evolving-value'),
      )
    })

    test('subjects are told with their versions, ids and compatibility', async () => {
      const registry = confluentRegistry(server.url)
      const older = { ...SensorReading.schema, fields: fields.slice(0, 4) }
      const first = await registry.register('told-value', older)
      const second = await registry.register('told-value', SensorReading.schema)
      expect(await registry.subjects()).toContain('told-value')
      const told = await registry.subject('told-value')
      expect(told).toMatchObject({ subject: 'told-value', compatibility: 'BACKWARD', earlier: [] })
      expect(told!.versions).toMatchObject([
        { version: 1, id: first, type: 'AVRO' },
        { version: 2, id: second, type: 'AVRO' },
      ])
      expect(JSON.parse(told!.versions[1]!.text)).toMatchObject({ name: 'SensorReading' })
      expect(await registry.subject('never-value')).toBeUndefined()
    })

    test('an id that it does not have', async () => {
      const registry = confluentRegistry(server.url)
      await expect(registry.schemaById(987_654)).rejects.toThrow(raised('WIRE_SCHEMA_UNKNOWN', '987654'))
    })

    test('a schema that is none of Avro', async () => {
      const body = JSON.stringify({
        schemaType: 'PROTOBUF',
        schema: 'syntax = "proto3"; message A { string x = 1; }',
      })
      const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
      const answer = await fetch(`${server.url}/subjects/protobuf-value/versions`, {
        method: 'POST',
        headers,
        body,
      })
      const { id } = (await answer.json()) as { id: number }
      const serde = avroSerdes(confluentRegistry(server.url)).value('x', SensorReading)
      const bytes = Buffer.alloc(10)
      bytes.writeUInt32BE(id, 1)
      const pending = caught(() => serde.deserialize(bytes))
      if (!(pending instanceof SchemaPending)) throw pending
      await pending.ready
      expect(() => serde.deserialize(bytes)).toThrow(raised('SCHEMA_INVALID'))
    })
  },
)

test('an address where nothing listens', async () => {
  const registry = confluentRegistry('http://127.0.0.1:1')
  await expect(registry.register('x-value', SensorReading.schema)).rejects.toThrow(
    raised('REGISTRY_UNREACHABLE', '127.0.0.1:1'),
  )
  await expect(registry.schemaById(1)).rejects.toThrow(raised('REGISTRY_UNREACHABLE'))
})

function caught(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return error
  }
}
