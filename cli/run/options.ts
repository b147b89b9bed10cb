import { hostname } from 'node:os'
import type { Settings } from '../configuration/settings.ts'

/** What `tickerwatch run` was asked for: all settings. */
export type RunOptions = Settings

/**
 * Where other nodes reach this one's stores: by default where the console listens, by the name of the machine if on all its
 * addresses. Nowhere, if that is not known yet (any free port).
 */
export function endpointOf({ advertise, host, port }: RunOptions): string | undefined {
  if (advertise !== undefined) return advertise
  if (port === 0) return undefined
  const reachable = host === '0.0.0.0' || host === '::' ? hostname() : host
  return reachable.includes(':') ? `[${reachable}]:${port}` : `${reachable}:${port}`
}
