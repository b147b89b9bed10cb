/** A case names its functions: `name` or `name:argument`. */

/** Something in a case is not of the language. */
export class CaseError extends Error {
  override readonly name = 'CaseError'
}

/** Of a function that takes an argument; its text is all that follows the first colon. */
export type Table<F> = Readonly<Record<string, (argument: Argument) => F>>

/** What follows the colon of a function's name. */
export class Argument {
  readonly #spec: string
  readonly #text: string | undefined

  constructor(spec: string, text: string | undefined) {
    this.#spec = spec
    this.#text = text
  }

  get text(): string {
    if (this.#text === undefined) throw new CaseError(`${this.#spec} lacks its argument`)
    return this.#text
  }

  get number(): number {
    const number = Number(this.text)
    if (this.text.trim() === '' || !Number.isFinite(number)) {
      throw new CaseError(`${this.#spec}: the argument is no number`)
    }
    return number
  }
}

/** @throws CaseError if the table has no such function, or its argument is missing or malformed */
export function named<F>(what: string, table: Table<F>, spec: string): F {
  const colon = spec.indexOf(':')
  const name = colon < 0 ? spec : spec.slice(0, colon)
  if (!Object.hasOwn(table, name)) throw new CaseError(`unknown ${what} ${spec}`)
  return table[name]!(new Argument(spec, colon < 0 ? undefined : spec.slice(colon + 1)))
}
