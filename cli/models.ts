/** `tickerwatch models`: publish, list and show model releases, through the running node or on the topic itself. */
import { randomUUID } from 'node:crypto'
import { type Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import type { UnpublishedRelease } from '../processors/models/release.ts'
import type { ModelsStatus } from '../service/status.ts'
import { CliError } from './errors.ts'
import { askNode } from './node-client.ts'
import { defaultStateDirectory } from './node-file.ts'
import { columns, printJson } from './table.ts'

const published = z.object({ name: z.string(), version: z.string(), status: z.string() })

const known = z.object({
  name: z.string(),
  version: z.string(),
  status: z.enum(['candidate', 'promoted', 'retired']),
  publishedAt: z.number(),
  metrics: z.record(z.string(), z.number()),
})

const models = z.object({
  inForce: z.object({ name: z.string(), version: z.string() }).optional(),
  known: z.array(known),
}) satisfies z.ZodType<Pick<ModelsStatus, 'inForce' | 'known'>>

interface NodeOptions {
  readonly state: string
  readonly json?: boolean
}

interface PublishOptions extends NodeOptions {
  readonly promote?: boolean
  readonly brokers?: string
  readonly registry?: string
}

export function define(command: Command): void {
  const subcommand = (signature: string, summary: string) =>
    command
      .command(signature)
      .description(summary)
      .option('--state <dir>', 'state directory of the running node', defaultStateDirectory)
      .option('--json', 'print JSON')

  subcommand('publish <file>', 'Publish a release file; as a candidate, unless it is promoted.')
    .option('--promote', 'put it into force in every node')
    .option('--brokers <list>', 'publish to the topic on Kafka, as host:port,…; needs no running node')
    .option('--registry <url>', 'the schema registry that goes with --brokers')
    .action(publish)
  subcommand('list', 'List the releases, the newest first.').action(list)
  subcommand('show', 'Show one release.').argument('<name@version>', 'the release', releaseId).action(show)
}

async function publish(file: string, options: PublishOptions, command: Command): Promise<void> {
  const { brokers, registry, json } = options
  if (brokers === undefined && registry !== undefined) {
    command.error("option '--registry' belongs to --brokers", { exitCode: 2 })
  }
  const { readRelease } = await import('../processors/models/release.ts')
  const release = await readRelease(file)
  const { name, version, status } = brokers
    ? await publishToTopic(release, options, brokers, registry)
    : await publishThroughNode(release, options)
  if (json) printJson({ name, version, status })
  else console.log(`published ${name}@${version} as ${status}`)
}

async function publishThroughNode(release: UnpublishedRelease, { state, promote = false }: PublishOptions) {
  const body = JSON.stringify({ ...release, onnx: release.onnx.toString('base64') })
  return published.parse(
    await askNode(state, { method: 'POST', path: `/api/models?promote=${promote}`, body }),
  )
}

async function publishToTopic(
  release: UnpublishedRelease,
  { promote }: PublishOptions,
  brokers: string,
  registry: string | undefined,
) {
  const { publishRelease } = await import('../processors/models/publish.ts')
  const { featureSchema } = await import('../processors/features/schema.ts')
  const { avroSerdes, confluentRegistry, localRegistry } = await import('../schemas/index.ts')
  const { systemTimers } = await import('../topology/index.ts')
  const { kafkaLog } = await import('../topology/log/kafka/kafka-log.ts')
  const clientId = `tickerwatch-models-${randomUUID()}`
  const log = await kafkaLog({ brokers: brokers.split(','), clientId })
  try {
    const avro = avroSerdes(registry === undefined ? localRegistry() : confluentRegistry(registry))
    const status = promote ? 'promoted' : 'candidate'
    return await publishRelease(release, status, {
      log,
      avro,
      schema: featureSchema,
      clientId,
      timers: systemTimers,
    })
  } finally {
    await log.close()
  }
}

async function list({ state, json }: NodeOptions): Promise<void> {
  const { known, inForce } = await askModels(state)
  if (json) return printJson({ inForce, known })
  const rows = known.map(release => [
    idOf(release),
    inForce && idOf(inForce) === idOf(release) ? 'in force' : release.status,
    new Date(release.publishedAt).toISOString(),
    inWords(headline(release.metrics)),
  ])
  for (const line of columns([['RELEASE', 'STATUS', 'PUBLISHED', 'ON UNSEEN PEOPLE'], ...rows]))
    console.log(line)
}

async function show(wanted: string, { state, json }: NodeOptions): Promise<void> {
  const { known } = await askModels(state)
  const release = known.find(other => idOf(other) === wanted)
  if (!release) throw new CliError('RELEASE_UNKNOWN', `the node knows no release ${wanted}`)
  if (json) return printJson(release)
  const { publishedAt, metrics, ...plain } = release
  const rows = Object.entries({
    ...plain,
    published: new Date(publishedAt).toISOString(),
    metrics: inWords(metrics),
  })
  for (const line of columns(rows)) console.log(line)
}

async function askModels(state: string): Promise<z.infer<typeof models>> {
  return models.parse(await askNode(state, { method: 'GET', path: '/api/models' }))
}

function idOf({ name, version }: { name: string; version: string }): string {
  return `${name}@${version}`
}

function releaseId(text: string): string {
  if (!/^[^@\s]+@[^@\s]+$/.test(text)) throw new InvalidArgumentError('Give it as NAME@VERSION.')
  return text
}

/** Those that compare releases; `show` has all. */
function headline({ accuracy, macroF1 }: Readonly<Record<string, number>>): Record<string, number> {
  return { ...(accuracy !== undefined && { accuracy }), ...(macroF1 !== undefined && { macroF1 }) }
}

function inWords(metrics: Readonly<Record<string, number>>): string {
  return Object.entries(metrics)
    .map(([metric, value]) => `${metric} ${value.toFixed(3)}`)
    .join(', ')
}
