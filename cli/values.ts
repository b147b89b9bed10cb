/** How the values of options are read. Each throws commander's InvalidArgumentError, which names the option. */
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

/** `host:port`; IPv6 addresses in brackets. */
export function hostAndPort(text: string): string {
  const [, port] = /^(?:[\w.-]+|\[[\da-fA-F:.]+\]):(\d{1,5})$/.exec(text) ?? []
  if (!(Number(port) >= 1 && Number(port) <= 65_535))
    throw new InvalidArgumentError('Give host:port, such as node-1:8080.')
  return text
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
