import { expect, test } from 'vitest'
import { anyRecords, localRegistry, SchemaError } from '../../schemas/index.ts'
import type { KeptBytes } from './record-search.ts'
import { plain, showing } from './shown-bytes.ts'

const kept = (bytes: Buffer, size = bytes.length): KeptBytes => ({ bytes, size })

async function word(): Promise<{ readonly id: number; readonly registry: ReturnType<typeof localRegistry> }> {
  const registry = localRegistry()
  const schema = { type: 'record', name: 'Word', fields: [{ name: 'word', type: 'string' }] }
  return { id: await registry.register('words-value', schema), registry }
}

function wire(id: number, ...body: number[]): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0])
  header.writeUInt32BE(id, 1)
  return Buffer.concat([header, Buffer.from(body)])
}

test('Avro, JSON, text and bytes are shown as what they are', async () => {
  const { id, registry } = await word()
  const show = showing(anyRecords(registry, Date.now))
  expect(await show(kept(wire(id, 4, 0x68, 0x69)))).toEqual({
    format: 'avro',
    bytes: 8,
    decoded: { word: 'hi' },
    schemaId: id,
  })
  expect(await show(kept(Buffer.from('{"a": [1, 2]}')))).toEqual({
    format: 'json',
    bytes: 13,
    decoded: { a: [1, 2] },
  })
  expect(await show(kept(Buffer.from('{half')))).toMatchObject({ format: 'text', text: '{half' })
  expect(await show(kept(Buffer.from('watch-1600')))).toEqual({
    format: 'text',
    bytes: 10,
    text: 'watch-1600',
  })
  expect(await show(kept(Buffer.from([1, 255])))).toEqual({ format: 'hex', bytes: 2, text: '01ff' })
  expect(await show(kept(Buffer.alloc(0)))).toMatchObject({ format: 'text', text: '' })
  expect(await show(null)).toBeNull()
})

test('what cannot be decoded is shown in hexadecimal, with the reason', async () => {
  const { id, registry } = await word()
  const show = showing(anyRecords(registry, Date.now))
  expect(await show(kept(wire(id, 40, 0x68)))).toMatchObject({
    format: 'hex',
    problem: expect.stringMatching(/^AVRO_TRUNCATED: /),
  })
  expect(await show(kept(wire(9, 1, 2)))).toMatchObject({
    format: 'hex',
    text: '00000000090102',
    problem: 'WIRE_SCHEMA_UNKNOWN: there is no schema 9',
  })
  expect(await show(kept(wire(id, 4), 70_000))).toMatchObject({ format: 'hex', cut: true, bytes: 70_000 })
})

test('a registry that does not answer is asked once', async () => {
  let asked = 0
  const show = showing(() => {
    asked++
    throw new SchemaError('REGISTRY_UNREACHABLE', 'nobody is there')
  })
  for (let i = 0; i < 3; i++)
    expect(await show(kept(wire(1)))).toMatchObject({ problem: 'REGISTRY_UNREACHABLE: nobody is there' })
  expect(asked).toBe(1)
})

test('a long text is cut between characters', () => {
  const { text, cut } = plain(kept(Buffer.from(`x${'ä'.repeat(600)}`)))
  expect(cut).toBe(true)
  expect(text).toBe(`x${'ä'.repeat(511)}`)
})
