/** Records of any schema that a registry knows, as they were written: for looking at topics of whoever writes them. */
import { untypedDecoder } from './avro/decoder.ts'
import type { Decode } from './avro/type.ts'
import { knownSchemas, SchemaPending } from './known-schemas.ts'
import type { SchemaRegistry } from './registry.ts'

/** Decoders that are kept; each costs about a millisecond to make. */
const KEPT = 200
const HEADER = 5

export interface AnyRecord {
  readonly schemaId: number
  readonly value: object
}

/**
 * Undefined for bytes that are not in Confluent's wire format.
 * @throws SchemaError WIRE_SCHEMA_UNKNOWN, SCHEMA_INVALID, AVRO_…, REGISTRY_…
 */
export type DecodeAny = (bytes: Buffer) => Promise<AnyRecord | undefined>

/** `now` in milliseconds: for how long an id is taken to be unknown. */
export function anyRecords(registry: Pick<SchemaRegistry, 'schemaById'>, now: () => number): DecodeAny {
  const schemas = knownSchemas(registry, now)
  const decoders = new Map<number, Decode<object>>()

  async function decoderOf(id: number): Promise<Decode<object>> {
    const known = decoders.get(id)
    if (known !== undefined) return known
    const decode = untypedDecoder(await schemaOf(id))
    const [oldest] = decoders.keys()
    if (decoders.size >= KEPT && oldest !== undefined) decoders.delete(oldest)
    decoders.set(id, decode)
    return decode
  }

  async function schemaOf(id: number): Promise<object> {
    try {
      return schemas.get(id)
    } catch (error) {
      if (!(error instanceof SchemaPending)) throw error
      await error.ready
      return schemas.get(id)
    }
  }

  return async bytes => {
    if (bytes.length < HEADER || bytes[0] !== 0) return undefined
    const schemaId = bytes.readUInt32BE(1)
    return { schemaId, value: (await decoderOf(schemaId))(bytes, HEADER) }
  }
}
