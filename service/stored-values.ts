/** Keys and values of stores as JSON, which knows fewer kinds of values than serdes do. */
import { ApplicationError } from '../processors/errors.ts'

/**
 * A key out of a URL: text is text, bytes are base64, and anything else is JSON.
 * @param serde the name of the store's key serde
 * @throws ApplicationError STORE_KEY_UNREADABLE
 */
export function keyOf(text: string, serde: string | undefined): unknown {
  if (serde === 'string') return text
  if (serde === 'bytes') return Buffer.from(text, 'base64')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ApplicationError('STORE_KEY_UNREADABLE', `a key (${serde}) is no JSON: ${text}`, { cause })
  }
}

/** Bytes become base64, typed arrays arrays, big integers text, maps objects; numbers that JSON does not have, text. */
export function jsonOf(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Map) return rowOf(Object.fromEntries(value))
  if (isIterable(value)) return Array.from(value, jsonOf)
  return rowOf(value)
}

/** An object's fields, each as `jsonOf` gives it. */
export function rowOf(object: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([name, each]) => [name, jsonOf(each)]))
}

/** Arrays, typed ones, sets. */
function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value && typeof value[Symbol.iterator] === 'function'
}
