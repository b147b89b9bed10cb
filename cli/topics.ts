/** `tickerwatch topics`: the topics on Kafka, how much they hold, and how far an application has read them. */
import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import type { CommittedOffset, Log } from '../topology/index.ts'
import { configure } from './configuration/configure.ts'
import { type KafkaSettings, kafkaSettings } from './configuration/settings.ts'
import { openKafka } from './kafka.ts'
import { whileItTakesLong } from './progress.ts'
import { columns, printJson } from './table.ts'

interface TopicsOptions extends KafkaSettings {
  readonly applicationId?: string
  readonly json?: boolean
}

interface ShownPartition {
  readonly partition: number
  /** The first offset still there, and the end that can be read. */
  readonly start: number
  readonly end: number
  /** Of the application; absent where it has committed none. */
  readonly position?: number
}

interface ShownTopic {
  readonly topic: string
  readonly config: Readonly<Record<string, string>>
  readonly partitions: readonly ShownPartition[]
}

export function define(command: Command): void {
  configure(command, { names: kafkaSettings, required: ['brokers'] })
    .option('--application-id <id>', 'whose positions are shown (default: activity)')
    .option('--json', 'print JSON, with the partitions of each')
    .action(run)
}

async function run({ applicationId, json, ...kafka }: TopicsOptions): Promise<void> {
  const { applicationId: activity } = await import('../processors/topics.ts')
  const log = await openKafka(kafka, `tickerwatch-topics-${randomUUID()}`)
  try {
    const stop = whileItTakesLong(() => 'looking at the topics')
    const topics = await look(log, applicationId ?? activity).finally(stop)
    if (json) return printJson(topics)
    for (const line of inWords(topics)) console.log(line)
  } finally {
    await log.close()
  }
}

async function look({ admin }: Log, applicationId: string): Promise<ShownTopic[]> {
  const names = [...(await admin.listTopics())].sort()
  const committed = await admin.committed(applicationId, names)
  const shown: ShownTopic[] = []
  for (const topic of names) {
    const description = await admin.describeTopic(topic)
    // It may have been deleted since it was listed.
    if (description === undefined) continue
    const partitions = (await admin.offsets(topic)).map(bounds => ({
      ...bounds,
      ...positionIn(committed, topic, bounds.partition),
    }))
    shown.push({ topic, config: description.config, partitions })
  }
  return shown
}

function positionIn(
  committed: readonly CommittedOffset[],
  topic: string,
  partition: number,
): { readonly position?: number } {
  const found = committed.find(each => each.topic === topic && each.partition === partition)
  return found === undefined ? {} : { position: found.position }
}

function inWords(topics: readonly ShownTopic[]): string[] {
  if (topics.length === 0) return ['no topics']
  const rows = topics.map(({ topic, config, partitions }) => [
    topic,
    String(partitions.length),
    String(partitions.reduce((sum, { start, end }) => sum + end - start, 0)),
    lagInWords(partitions),
    Object.entries(config)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
  ])
  return columns([['TOPIC', 'PARTITIONS', 'OFFSETS', 'LAG', 'CONFIG'], ...rows])
}

/** A dash for a topic that the application does not read. */
function lagInWords(partitions: readonly ShownPartition[]): string {
  if (partitions.every(({ position }) => position === undefined)) return '-'
  return String(partitions.reduce((sum, { start, end, position }) => sum + end - (position ?? start), 0))
}
