/**
 * Every error of schemas, their bytes and their registry, in one closed table: a code and what to do. The message
 * of an error adds the particulars; programs match on `code`.
 */
const table = {
  SCHEMA_INVALID: 'Correct the schema; the Avro specification says what is allowed.',
  SCHEMA_INCOMPATIBLE:
    'Give added fields a default, and do not change the type of a field except by Avro promotion.',
  AVRO_VALUE: 'Correct the value: it does not fit the schema it is written with.',
  AVRO_TRUNCATED: 'The bytes end too early: correct their producer.',
  AVRO_TRAILING: 'The bytes go on beyond the value: correct their producer, or the schema they name.',
  AVRO_MALFORMED: 'The bytes are no value of the schema they name: correct their producer.',
  WIRE_SHORT: 'A value needs at least 5 bytes before its body: magic 0 and the schema id.',
  WIRE_MAGIC: 'A value starts with a byte 0: its producer must use the Confluent wire format.',
  WIRE_SCHEMA_PENDING: 'The schema is being fetched: wait for `ready`, then decode again.',
  WIRE_SCHEMA_UNKNOWN: 'The registry has no schema of this id: the producer uses another registry.',
  REGISTRY_UNREACHABLE: 'Check the address given with --registry and that the registry runs.',
  REGISTRY_INCOMPATIBLE: 'Change the schema so that it can read what was written with the one before it.',
  REGISTRY_FAILED: 'See the message; the registry refused the request.',
} as const satisfies Record<string, string>

export type SchemaErrorCode = keyof typeof table

/** An error of schemas. `message` says what happened, `remedy` what to do. */
export class SchemaError extends Error {
  readonly code: SchemaErrorCode
  constructor(code: SchemaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SchemaError'
    this.code = code
  }

  get remedy(): string {
    return table[this.code]
  }
}
