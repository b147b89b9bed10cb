import { hostname } from 'node:os'
import type { ProcessingGuarantee } from '../../topology/index.ts'

/** What `tickerwatch run` was asked for; durations are milliseconds. */
export interface RunOptions {
  readonly recordings?: string
  readonly speed?: string
  readonly timezone?: string
  readonly devices: number
  readonly seed: number
  /** Generated readings per second, over all watches. */
  readonly rate?: number
  readonly for?: number
  readonly publishAfter?: number
  readonly report?: string
  readonly model: string
  readonly annotationsPerHour: number
  /** Files of public keys. */
  readonly trustedKeys: readonly string[]
  readonly brokers?: string
  readonly guarantee: ProcessingGuarantee
  readonly threads: number
  readonly standbyReplicas: number
  readonly replicationFactor?: number
  readonly advertise?: string
  readonly registry?: string
  readonly sql?: string
  /** Where rows are staged that Redshift is to take. */
  readonly s3?: string
  readonly state: string
  readonly featureStore?: string
  readonly archive?: string
  readonly host: string
  readonly port: number
}

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
