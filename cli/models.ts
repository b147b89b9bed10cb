/** `tickerwatch models`: publish, list and show model releases, through the running node. */
import { open } from 'node:fs/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { CliError } from './errors.ts'
import { askNode } from './node-client.ts'
import { defaultStateDirectory } from './node-file.ts'

/** Bytes of a release file: a model of up to 1 MB, in base64. */
const maximumRelease = 2 * 1024 * 1024

const release = z.looseObject({
  name: z.string(),
  version: z.string(),
  status: z.string(),
  featureSchemaHash: z.string().optional(),
  size: z.number().optional(),
  metrics: z.record(z.string(), z.number()).optional(),
  lineage: z.record(z.string(), z.string()).optional(),
  labels: z.array(z.string()).optional(),
})
type Release = z.infer<typeof release>

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
  subcommand('show', 'Show a release without its bytes.')
    .argument('<name@version>', 'the release', releaseId)
    .action(show)
}

async function publish(
  file: string,
  { state, json, promote = false }: NodeOptions & { promote?: boolean },
): Promise<void> {
  const body = await readRelease(file)
  const path = `/api/models?promote=${promote}`
  const published = release.parse(await askNode(state, { method: 'POST', path, body }))
  if (json) print(published)
  else console.log(`published ${published.name}@${published.version} as ${published.status}`)
}

async function list({ state, json }: NodeOptions): Promise<void> {
  const releases = await readReleases(state)
  if (json) return print(releases)
  const rows = releases.map(({ name, version, status, metrics = {} }) => [
    `${name}@${version}`,
    status,
    Object.entries(metrics)
      .map(([metric, value]) => `${metric} ${value.toFixed(3)}`)
      .join(', '),
  ])
  for (const line of columns([['RELEASE', 'STATUS', 'ON UNSEEN PEOPLE'], ...rows])) console.log(line)
}

async function show(wanted: string, { state, json }: NodeOptions): Promise<void> {
  const found = (await readReleases(state)).find(({ name, version }) => `${name}@${version}` === wanted)
  if (!found) throw new CliError('RELEASE_UNKNOWN', `there is no release ${wanted}`)
  if (json) return print(found)
  const rows = Object.entries(found).map(([field, value]) => [field, inWords(value)])
  for (const line of columns(rows)) console.log(line)
}

function releaseId(text: string): string {
  if (!/^[^@\s]+@[^@\s]+$/.test(text)) throw new InvalidArgumentError('Give it as NAME@VERSION.')
  return text
}

async function readReleases(state: string): Promise<Release[]> {
  return z.array(release).parse(await askNode(state, { method: 'GET', path: '/api/models' }))
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

function inWords(value: unknown): string {
  if (Array.isArray(value)) return value.join(', ')
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([key, item]) => `${key} ${item}`)
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
