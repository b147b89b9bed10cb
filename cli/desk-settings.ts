/** The settings of commands that go through the running node or, where brokers are set, to Kafka itself. */
import type { Given } from './configuration/configure.ts'
import { kafkaSettings, type SettingName, type Settings } from './configuration/settings.ts'

export const deskSettings = [...kafkaSettings, 'registry', 'state'] as const
export type DeskSettings = Pick<Settings, (typeof deskSettings)[number]>

/** What they mean to those commands. */
export const deskMeanings = {
  brokers: 'on Kafka itself, as host:port,…; needs no running node',
  registry: 'the schema registry that goes with --brokers',
  state: 'state directory of the running node',
} as const

/**
 * Flags that say how to work on Kafka, but not where it is. From the environment or the file they may be of another command.
 */
export function kafkaOnly(given: Given, ...names: readonly SettingName[]): string[] {
  if (given('brokers') !== undefined) return []
  return names
    .map(given)
    .filter(origin => origin?.startsWith('--'))
    .map(flag => `${flag} belongs to --brokers.`)
}
