/**
 * Texts of UTF-8. Most short texts of a stream (devices, labels, states) are the same few again and again: the last one of
 * each hash is kept, and given again when the bytes are the same. That takes less than making a string of them, and less again
 * in what follows: the same string as before is found in a map without being hashed, and told from others by its address.
 */
const LONGEST = 32
const PLACES = 8192

export class RecalledTexts {
  readonly #texts: string[] = Array.from({ length: PLACES }, () => '')
  /** By place, whether its text has come twice. */
  readonly #again = new Uint8Array(PLACES)

  /** Of the bytes from `at` to before `end`. */
  read(bytes: Buffer, at: number, end: number): string {
    const length = end - at
    if (length > LONGEST) return bytes.toString('utf8', at, end)
    let hash = length
    for (let i = at; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
    const place = (hash ^ (hash >>> 10)) & (PLACES - 1)
    const text = this.#texts[place]!
    if (text.length === length) {
      let i = 0
      while (i < length && text.charCodeAt(i) === bytes[at + i]) i++
      if (i === length) return this.#again[place] === 1 ? text : this.#remember(place, text)
    }
    const fresh = bytes.toString('utf8', at, end)
    // Only ASCII is kept, which has as many characters as bytes: for it, equal codes mean equal bytes.
    if (fresh.length !== length) return fresh
    this.#texts[place] = fresh
    this.#again[place] = 0
    return fresh
  }

  /** Not at first sight: of texts that come once, as the keys of a table that is restored, each would take a microsecond. */
  #remember(place: number, text: string): string {
    this.#again[place] = 1
    this.#texts[place] = interned(text)
    return this.#texts[place]
  }
}

/** As V8 keeps names of properties, once each: two of these are equal only if they are one. */
function interned(text: string): string {
  return Object.keys({ [text]: true })[0] ?? text
}
