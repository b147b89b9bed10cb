/** How the values of options and settings are read. Each throws commander's InvalidArgumentError, which says what is right. */
import { createHash } from 'node:crypto'
import { InvalidArgumentError } from 'commander'

/** A whole number, at least 0. */
export function whole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give a whole number.')
  return Number(text)
}

/** A whole number within bounds, both inclusive. */
export function between(least: number, most: number): (text: string) => number {
  return text => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`)
    }
    return value
  }
}

/** Any text but an empty one. */
export function text(given: string): string {
  if (given.trim() === '') throw new InvalidArgumentError('Give a value that is not empty.')
  return given
}

/** A name as Kafka and the file system take it. */
export function name(given: string): string {
  if (!/^[\w.-]{1,100}$/.test(given)) throw new InvalidArgumentError('Give letters, digits, dots and dashes.')
  return given
}

/** Of a database or a table in Glue. */
export function glueName(given: string): string {
  if (!/^[a-z0-9_]{1,255}$/.test(given))
    throw new InvalidArgumentError('Give lower case letters, digits and _.')
  return given
}

/** Several, separated by commas. */
export function list<T>(parse: (text: string) => T): (text: string) => readonly T[] {
  return given =>
    given
      .split(',')
      .map(each => each.trim())
      .filter(each => each !== '')
      .map(parse)
}

/** One of these words. */
export function oneOf<Word extends string>(...words: readonly Word[]): (text: string) => Word {
  return given => {
    const found = words.find(word => word === given)
    if (found === undefined) throw new InvalidArgumentError(`Give ${words.join(' or ')}.`)
    return found
  }
}

/** true or false, as the environment and files write switches. */
export function yesOrNo(given: string): boolean {
  return oneOf('true', 'false')(given) === 'true'
}

/** An address of the web. */
export function webUrl(given: string): string {
  if (!/^https?:$/.test(URL.parse(given)?.protocol ?? ''))
    throw new InvalidArgumentError('Give an address such as http://localhost:8081.')
  return given
}

/** A database's address. It may hold a password. */
export function sqlUrl(given: string): string {
  if (!/^(postgres|postgresql|redshift):$/.test(URL.parse(given)?.protocol ?? ''))
    throw new InvalidArgumentError('Give an address such as postgres://me@localhost/watch, or redshift://….')
  return given
}

/** A bucket, with or without a prefix. */
export function bucket(given: string): string {
  if (!/^s3:\/\/[a-z0-9][a-z0-9.-]+[a-z0-9](\/|$)/.test(given))
    throw new InvalidArgumentError('Give s3://bucket or s3://bucket/prefix.')
  return given
}

/** Where objects are kept: a directory, or a bucket. */
export function place(given: string): string {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(text(given))?.[1]
  if (scheme !== undefined && scheme !== 's3' && scheme !== 'file')
    throw new InvalidArgumentError('Give a directory, or s3://bucket/prefix.')
  return given
}

/** A zone of the IANA's list. */
export function timeZone(given: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: given })
    return given
  } catch {
    throw new InvalidArgumentError('Give a zone such as America/Los_Angeles.')
  }
}

/** How many times faster than it happened event time passes; `max`: as fast as it is taken. */
export function speed(given: string): number | 'max' {
  if (given === 'max') return given
  const times = /^[\d.]+$/.test(given) ? Number(given) : Number.NaN
  if (!(times > 0)) throw new InvalidArgumentError('Give a number such as 20, or max.')
  return times
}

/** `host:port`; IPv6 addresses in brackets. */
export function hostAndPort(text: string): string {
  const [, port] = /^(?:[\w.-]+|\[[\da-fA-F:.]+\]):(\d{1,5})$/.exec(text) ?? []
  if (!(Number(port) >= 1 && Number(port) <= 65_535))
    throw new InvalidArgumentError('Give host:port, such as node-1:8080.')
  return text
}

/**
 * Tokens of RFC 6750, separated by commas or, in a file, lines; each may have the name of whose it is before it: anna:TOKEN. One
 * without is named after its hash.
 */
export function tokens(given: string): readonly { readonly name: string; readonly token: string }[] {
  const items = given.split(/[\s,]+/).filter(item => item !== '')
  if (items.length === 0) throw new InvalidArgumentError('Give a token.')
  return items.map(item => {
    const [, name, token] = /^(?:([\w.@-]{1,64}):)?([\w.~+/-]+=*)$/.exec(item) ?? []
    if (token === undefined || token.length < 16 || token.length > 512)
      throw new InvalidArgumentError(
        'Give tokens of 16 to 512 letters and digits, such as openssl rand -hex 24 makes.',
      )
    return { name: name ?? createHash('sha256').update(token).digest('hex').slice(0, 8), token }
  })
}

/** `name@version` of a release. */
export function releaseId(text: string): { readonly name: string; readonly version: string } {
  const [, name, version] = /^([^@\s]+)@([^@\s]+)$/.exec(text) ?? []
  if (name === undefined || version === undefined) throw new InvalidArgumentError('Give it as NAME@VERSION.')
  return { name, version }
}

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A time, as milliseconds since the epoch: in ISO 8601 (of UTC, where it names no zone), or a duration ago such as 2h. */
export function moment(text: string): number {
  if (/^\d+(?:\.\d+)? ?[a-z]+$/.test(text)) return Date.now() - duration(text)
  const zoned = /T.*(Z|[+-]\d\d:?\d\d)$|^[^T]*$/.test(text) ? text : `${text}Z`
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(zoned) : Number.NaN
  if (Number.isNaN(time))
    throw new InvalidArgumentError('Give a time such as 2026-11-26T04:00:00Z, or 2h for ago.')
  return time
}

/** A duration such as 40s or 10m, as milliseconds. */
export function duration(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/.exec(text) ?? []
  const value = Number(amount) * (units[unit as keyof typeof units] ?? Number.NaN)
  if (!(value > 0)) throw new InvalidArgumentError('Give a duration such as 40s, 10m or 1h.')
  return Math.round(value)
}
