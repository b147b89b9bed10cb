import type { ProcessingGuarantee } from '../../topology/index.ts'

/** What `tickerwatch run` was asked for; durations are milliseconds. */
export interface RunOptions {
  readonly recordings?: string
  readonly speed?: string
  readonly timezone?: string
  readonly devices: number
  readonly seed: number
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
  readonly state: string
  readonly featureStore?: string
  readonly host: string
  readonly port: number
}
