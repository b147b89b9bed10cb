/** A record type of Avro: what the files in `generated/` export, one per schema. */
export interface AvroType<T> {
  /** Full name, such as `tickerwatch.SensorReading`. */
  readonly name: string
  /** The schema as JSON. */
  readonly schema: object
  /** Layout id: 16 hexadecimal digits of the hash of what decides the bytes' meaning (see `fingerprint`). */
  readonly fingerprint: string
  /**
   * The value's Avro body, after `headroom` bytes (default 0) left free for a header.
   * @throws SchemaError AVRO_VALUE, with the field's name
   */
  encode(value: T, headroom?: number): Buffer
  /**
   * Reads the body that begins at `at` (default 0) and ends before `end` (default: with `bytes`), written with this very
   * schema; for another writer's schema see `decoder`. Strings and bytes are copies.
   * @throws SchemaError AVRO_TRUNCATED, AVRO_TRAILING, AVRO_MALFORMED
   */
  decode(bytes: Buffer, at?: number, end?: number): T
}

/** Reads one value; the same contract as `AvroType.decode`. */
export type Decode<T> = (bytes: Buffer, at?: number, end?: number) => T
