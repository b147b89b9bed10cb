import { expect, test } from 'vitest'
import { anyRecords, avroSerdes, localRegistry, Prediction } from './index.ts'

const foreign = {
  type: 'record',
  name: 'Foreign',
  fields: [
    { name: 'word', type: 'string' },
    { name: 'numbers', type: { type: 'array', items: 'long' } },
  ],
}

function wire(id: number, ...body: number[]): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0])
  header.writeUInt32BE(id, 1)
  return Buffer.concat([header, Buffer.from(body)])
}

test('a record is decoded by the schema that it names, for which there is no type', async () => {
  const registry = localRegistry()
  const decode = anyRecords(registry, Date.now)
  const schemaId = await registry.register('foreign-value', foreign)
  // "hi", and a block of two numbers, 1 and -1.
  const bytes = wire(schemaId, 4, 0x68, 0x69, 4, 2, 1, 0)
  const value = { word: 'hi', numbers: [1, -1] }
  expect(await decode(bytes)).toEqual({ schemaId, value })
  expect(await decode(bytes)).toEqual({ schemaId, value })
  await expect(decode(bytes.subarray(0, -1))).rejects.toMatchObject({ code: 'AVRO_TRUNCATED' })
  await expect(decode(wire(7))).rejects.toMatchObject({ code: 'WIRE_SCHEMA_UNKNOWN' })
})

test('what is not in the wire format is no record', async () => {
  const decode = anyRecords(localRegistry(), Date.now)
  expect(await decode(Buffer.from('text'))).toBeUndefined()
  expect(await decode(Buffer.alloc(4))).toBeUndefined()
})

test('a registry in process tells its subjects and their versions', async () => {
  const registry = localRegistry()
  const avro = avroSerdes(registry)
  avro.value('predictions', Prediction)
  await avro.register()
  const first = await registry.register('foreign-value', foreign)
  const evolved = { ...foreign, fields: foreign.fields.slice(0, 1) }
  const second = await registry.register('foreign-value', evolved)
  await registry.register('foreign-value', foreign)
  expect(await registry.subjects()).toEqual(['foreign-value', 'predictions-value'])
  expect(await registry.subject('foreign-value')).toEqual({
    subject: 'foreign-value',
    compatibility: undefined,
    earlier: [],
    versions: [
      { version: 1, id: first, type: 'AVRO', text: JSON.stringify(foreign) },
      { version: 2, id: second, type: 'AVRO', text: JSON.stringify(evolved) },
    ],
  })
  expect(await registry.subject('missing')).toBeUndefined()
})
