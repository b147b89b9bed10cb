/** The names that keys have in memory: their bytes, as byte strings. */
import { byteString, type Coder } from './coder.ts'

/** Keys whose names are remembered: those asked for last, and as many before them, so that a few more keys cost a few more names. */
const REMEMBERED = 50_000

/**
 * Names keys. To serialize a key takes longer than all else that a store does with it, and a record's key is asked for
 * several times: so the names of texts are remembered.
 */
export function keyNames<K>(coder: Coder<K>): (key: K) => string {
  let recent = new Map<K, string>()
  let before = recent
  let lastKey: K | undefined
  let lastName = ''
  return key => {
    // A record's key, which is asked for again with each of its windows.
    if (key === lastKey && typeof key === 'string') return lastName
    // Others may be changed by their owner, or be equal without having the same bytes, as 0 and -0.
    if (typeof key !== 'string') return byteString(coder.serialize(key))
    let name = recent.get(key)
    if (name === undefined) {
      name = before.get(key) ?? interned(byteString(coder.serialize(key)))
      if (recent.size === REMEMBERED) {
        before = recent
        recent = new Map()
      }
      recent.set(key, name)
    }
    lastKey = key
    lastName = name
    return name
  }
}

/** As V8 keeps names of properties, once each: it tells two of these apart by their addresses, not their characters. */
function interned(name: string): string {
  return Object.keys({ [name]: true })[0] ?? name
}
