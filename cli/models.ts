/** `tickerwatch models`: publish, list and show model releases, through the running node. */
import { open } from 'node:fs/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import type { ModelsStatus } from '../service/status.ts'
import { CliError } from './errors.ts'
import { askNode } from './node-client.ts'
import { defaultStateDirectory } from './node-file.ts'

/** Bytes of a release file: a model of up to 1 MB, in base64. */
const maximumRelease = 2 * 1024 * 1024

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

export function define(command: Command): void {
  const subcommand = (signature: string, summary: string) =>
    command
      .command(signature)
      .description(summary)
      .option('--state <dir>', 'state directory of the running node', defaultStateDirectory)
      .option('--json', 'print JSON')

  subcommand('publish <file>', 'Publish a release file; as a candidate, unless it is promoted.')
    .option('--promote', 'put it into force in every node')
    .action(publish)
  subcommand('list', 'List the releases, the newest first.').action(list)
  subcommand('show', 'Show one release.').argument('<name@version>', 'the release', releaseId).action(show)
}

async function publish(file: string, options: NodeOptions & { promote?: boolean }): Promise<void> {
  const { state, json, promote = false } = options
  const body = await readRelease(file)
  const answer = await askNode(state, { method: 'POST', path: `/api/models?promote=${promote}`, body })
  const release = published.parse(answer)
  if (json) print(release)
  else console.log(`published ${release.name}@${release.version} as ${release.status}`)
}

async function list({ state, json }: NodeOptions): Promise<void> {
  const { known, inForce } = await askModels(state)
  if (json) return print({ inForce, known })
  const rows = known.map(release => [
    idOf(release),
    inForce && idOf(inForce) === idOf(release) ? 'in force' : release.status,
    new Date(release.publishedAt).toISOString(),
    inWords(release.metrics),
  ])
  for (const line of columns([['RELEASE', 'STATUS', 'PUBLISHED', 'ON UNSEEN PEOPLE'], ...rows]))
    console.log(line)
}

async function show(wanted: string, { state, json }: NodeOptions): Promise<void> {
  const { known } = await askModels(state)
  const release = known.find(other => idOf(other) === wanted)
  if (!release) throw new CliError('RELEASE_UNKNOWN', `the node knows no release ${wanted}`)
  if (json) return print(release)
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

/** What the node cannot take is refused here, before anything is sent. */
async function readRelease(file: string): Promise<Buffer> {
  const unreadable = (cause: NodeJS.ErrnoException) => {
    throw new CliError('FILE_UNREADABLE', `${file} cannot be read (${cause.code})`, { cause })
  }
  const handle = await open(file).catch(unreadable)
  try {
    const { size } = await handle.stat()
    if (size > maximumRelease)
      throw new CliError('RELEASE_INVALID', `${file} has more than ${maximumRelease} bytes`)
    const bytes = await handle.readFile().catch(unreadable)
    try {
      JSON.parse(bytes.toString('utf8'))
    } catch (cause) {
      throw new CliError('RELEASE_INVALID', `${file} is no release file: it holds no JSON`, { cause })
    }
    return bytes
  } finally {
    await handle.close()
  }
}

function print(value: unknown): void {
  console.log(JSON.stringify(value, null, 2))
}

function inWords(metrics: Readonly<Record<string, number>>): string {
  return Object.entries(metrics)
    .map(([metric, value]) => `${metric} ${value.toFixed(3)}`)
    .join(', ')
}

/** Lines in which each column begins at the same place. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map(row => row[i]?.length ?? 0)))
  return rows.map(row =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
