/** Bytes that were right and are not any more: what a damaged disk, another program, or an attacker makes of them. */
import fc from 'fast-check'

/** Where, as a share of the bytes there are: so a change still means something when the bytes become fewer. */
type Place = number

type Change =
  | { readonly kind: 'flip'; readonly at: Place; readonly bit: number }
  | { readonly kind: 'set'; readonly at: Place; readonly byte: number }
  | { readonly kind: 'cut'; readonly at: Place }
  | { readonly kind: 'remove'; readonly at: Place; readonly count: number }
  | { readonly kind: 'insert'; readonly at: Place; readonly bytes: Uint8Array }
  | { readonly kind: 'repeat'; readonly at: Place; readonly count: number }
  | { readonly kind: 'number'; readonly at: Place; readonly bytes: Buffer }

/** What lengths and counts are overwritten with: as large or as negative as they can be, and just beside what is right. */
const numbers = [0, 1, -1, -2, 127, 128, 255, 65_535, 65_536, 1_000_000, 2 ** 28, 2 ** 31 - 1, -(2 ** 31)]
const written: readonly Buffer[] = numbers.flatMap(number => [
  ...[1, 2, 4].flatMap(size => [fixed(number, size), Buffer.from(fixed(number, size)).reverse()]),
  zigZag(number),
  wide(number),
])

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const count = fc.integer({ min: 1, max: 40 })

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('flip'), at: place, bit: fc.integer({ min: 0, max: 7 }) } as const),
  fc.record({ kind: fc.constant('set'), at: place, byte: fc.integer({ min: 0, max: 255 }) } as const),
  fc.record({ kind: fc.constant('cut'), at: place } as const),
  fc.record({ kind: fc.constant('remove'), at: place, count } as const),
  fc.record({
    kind: fc.constant('insert'),
    at: place,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
  } as const),
  fc.record({ kind: fc.constant('repeat'), at: place, count } as const),
  fc.record({ kind: fc.constant('number'), at: place, bytes: fc.constantFrom(...written) } as const),
)

/** None at all now and then: what is right must stay so. */
export const changes: fc.Arbitrary<readonly Change[]> = fc.array(change, { maxLength: 4 })

/**
 * @param fields where lengths and counts are known to lie: half of all numbers are written there
 */
export function changed(bytes: Buffer, list: readonly Change[], fields: readonly number[] = []): Buffer {
  return list.reduce((now, each, i) => applied(now, each, i % 2 === 0 ? fields : []), bytes)
}

function applied(bytes: Buffer, each: Change, fields: readonly number[]): Buffer {
  const at = Math.floor(each.at * bytes.length)
  const splice = (from: number, to: number, ...between: Uint8Array[]): Buffer =>
    Buffer.concat([bytes.subarray(0, from), ...between, bytes.subarray(to)])
  switch (each.kind) {
    case 'flip':
      return splice(at, at + 1, Buffer.of((bytes[at] ?? 0) ^ (1 << each.bit)))
    case 'set':
      return splice(at, at + 1, Buffer.of(each.byte))
    case 'cut':
      return bytes.subarray(0, at)
    case 'remove':
      return splice(at, at + each.count)
    case 'insert':
      return splice(at, at, each.bytes)
    case 'repeat':
      return splice(at, at, bytes.subarray(at, at + each.count))
    case 'number': {
      const field = fields.length === 0 ? at : fields[Math.floor(each.at * fields.length)]!
      return splice(field, field + each.bytes.length, each.bytes)
    }
  }
}

function fixed(number: number, size: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(number))
  return bytes.subarray(8 - size)
}

function wide(number: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(number))
  return bytes
}

function zigZag(number: number): Buffer {
  const bytes: number[] = []
  let rest = number < 0 ? -number * 2 - 1 : number * 2
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}
