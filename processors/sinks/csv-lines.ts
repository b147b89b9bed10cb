/** Lines that wait to be written, as the bytes they will be: so many strings would be copied by the collector again and again. */

/** Bytes of UTF-8 that a code unit takes at most. */
const WIDEST = 3

export class CsvLines {
  #bytes = Buffer.allocUnsafeSlow(1 << 16)
  #length = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Good until the next change. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  push(line: string): void {
    const needed = this.#length + line.length * WIDEST
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    this.#length += this.#bytes.write(line, this.#length)
    this.#count++
  }

  clear(): void {
    this.#length = 0
    this.#count = 0
  }
}
