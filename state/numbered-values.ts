/**
 * A value's layout, as a number that is written with it: how many layouts its coder has had before. So a store holds values
 * of several layouts, and each is rewritten when it changes.
 */
import { type Coder, readerOf } from './coder.ts'
import { StateError } from './errors.ts'

/** The number that the coder's values are written with. */
export function layoutNumber<V>({ name, previous = [] }: Coder<V>): number {
  if (previous.length > MOST)
    throw new StateError('STATE_MISUSED', `${name} has more than ${MOST} layouts before it`)
  return previous.length
}

/** What fits into the byte that a store has for it. */
const MOST = 100

/** The value behind its layout's number, of which the first is `first`. */
export function encodeNumbered<V>(coder: Coder<V>, value: V, first = 0): Buffer {
  return Buffer.concat([Buffer.of(first + layoutNumber(coder)), coder.serialize(value)])
}

/** The value that lies from `at` to before `end`. @throws StateError STATE_TOO_NEW, or what the coder throws */
export function decodeNumbered<V>(
  coder: Coder<V>,
  number: number,
  bytes: Buffer,
  at: number,
  end: number,
): V {
  const { previous = [] } = coder
  const written = number === previous.length ? coder : previous[number]
  if (written !== undefined) return readerOf(written)(bytes, at, end)
  throw new StateError(
    'STATE_TOO_NEW',
    `a value has layout ${number} of ${coder.name}, which ends at ${previous.length}`,
  )
}

/** By the value's coder, what a store's layout was called before. */
export function previousLayouts<V>(coder: Coder<V>, nameOf: (value: string) => string): readonly string[] {
  return (coder.previous ?? []).map(({ name }) => nameOf(name))
}
