/** `tickerwatch reset`: an application begins anew. What it would do is printed, and done with --execute only. */
import { randomUUID } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { PlannedReset, ResetTo } from '../topology/index.ts'
import { configure } from './configuration/configure.ts'
import { type KafkaSettings, kafkaSettings, type Settings } from './configuration/settings.ts'
import { CliError } from './errors.ts'
import { openKafka } from './kafka.ts'
import { readNodeFile } from './node-file.ts'
import { whileItTakesLong } from './progress.ts'
import { columns, printJson } from './table.ts'
import { moment } from './values.ts'

interface ResetCommandOptions extends KafkaSettings, Pick<Settings, 'registry'> {
  readonly applicationId?: string
  readonly inputTopics?: readonly string[]
  readonly internalTopics?: readonly string[]
  readonly toEarliest?: boolean
  readonly toLatest?: boolean
  readonly toDatetime?: number
  readonly state: string
  readonly execute?: boolean
  readonly json?: boolean
}

interface WholeReset extends PlannedReset {
  /** The local state that is removed; undefined where there is none. */
  readonly stateDirectory: string | undefined
}

export function define(command: Command): void {
  configure(command, {
    names: [...kafkaSettings, 'registry', 'state'],
    required: ['brokers'],
    about: {
      state: 'state directory of its node',
      registry: 'the schema registry, for the record of this in the audit trail',
    },
  })
    .addHelpText(
      'after',
      '\nWhat the application wrote stays, and so do its dead letters. Local state is that of this machine only: run it on\neach, or remove the directories.',
    )
    .option('--application-id <id>', 'the application (default: activity)')
    .option('--input-topics <list>', 'whose positions are set (default: all that it has read)', list)
    .addOption(
      new Option('--to-earliest', 'to what is there of the oldest (the default)').conflicts([
        'toLatest',
        'toDatetime',
      ]),
    )
    .addOption(new Option('--to-latest', 'to the end: what is there is not read').conflicts(['toDatetime']))
    .option('--to-datetime <time>', 'to the first record of this event time or later', moment)
    .option('--internal-topics <list>', 'of the internal topics, only these', list)
    .option('--execute', 'do it')
    .option('--json', 'print JSON')
    .action(run)
}

async function run(options: ResetCommandOptions): Promise<void> {
  const { state, inputTopics, internalTopics, execute = false } = options
  const { planReset, reset } = await import('../topology/index.ts')
  const { applicationId: activity } = await import('../processors/topics.ts')
  const { applicationId = activity } = options
  const clientId = `tickerwatch-reset-${randomUUID()}`
  const log = await openKafka(options, clientId)
  const stop = whileItTakesLong(() => (execute ? 'resetting' : 'looking at what there is to reset'))
  try {
    await checkNodeStopped(state)
    const planned = await planReset({ log, applicationId, to: resetTo(options), inputTopics, internalTopics })
    const whole = { ...planned, stateDirectory: await existing(join(state, applicationId)) }
    if (execute) {
      const { recorded } = await import('./audit.ts')
      const { avroSerdes, confluentRegistry, localRegistry } = await import('../schemas/index.ts')
      const { registry } = options
      const avro = avroSerdes(registry === undefined ? localRegistry() : confluentRegistry(registry))
      await recorded({ log, avro, clientId }, { action: 'reset', subject: applicationId }, async () => {
        await reset(log, applicationId, planned)
        if (whole.stateDirectory !== undefined) await rm(whole.stateDirectory, { recursive: true })
      })
    }
    if (options.json) return printJson({ applicationId, executed: execute, ...whole })
    for (const line of inWords(applicationId, whole, execute)) console.log(line)
  } finally {
    stop()
    await log.close()
  }
}

/** A node that is not in the group yet, or whose log is in memory, has its state open all the same. */
async function checkNodeStopped(state: string): Promise<void> {
  const node = await readNodeFile(state).catch(error => {
    if (error instanceof CliError && error.code === 'NODE_NOT_RUNNING') return undefined
    throw error
  })
  if (node === undefined) return
  throw new CliError('NODE_ALREADY_RUNNING', `process ${node.pid} runs with the state directory ${state}`)
}

function resetTo({ toLatest, toDatetime }: ResetCommandOptions): ResetTo {
  if (toDatetime !== undefined) return { time: toDatetime }
  return toLatest ? 'latest' : 'earliest'
}

function inWords(applicationId: string, reset: WholeReset, executed: boolean): string[] {
  const { positions, internalTopics, stateDirectory } = reset
  const rows = [
    ...positions.map(({ topic, partition, before, position }) => [
      'position',
      `${topic}/${partition}`,
      `${before ?? 'none'} → ${position}`,
    ]),
    ...internalTopics.map(({ topic, partitions }) => [
      'delete',
      topic,
      `${partitions} partition${partitions === 1 ? '' : 's'}`,
    ]),
    ...(stateDirectory === undefined ? [] : [['remove', stateDirectory]]),
  ]
  if (rows.length === 0) return [`there is nothing of ${applicationId} to reset`]
  return [
    executed ? `${applicationId} was reset:` : `${applicationId} would be reset; --execute does it:`,
    ...columns(rows).map(row => `  ${row}`),
  ]
}

async function existing(directory: string): Promise<string | undefined> {
  try {
    return (await stat(directory)).isDirectory() ? directory : undefined
  } catch {
    return undefined
  }
}

/** Names, separated by commas. */
function list(text: string): readonly string[] {
  const names = text.split(',').map(name => name.trim())
  if (names.some(name => !/^[a-zA-Z0-9._-]{1,249}$/.test(name)))
    throw new InvalidArgumentError('Give names of topics, separated by commas.')
  return names
}
