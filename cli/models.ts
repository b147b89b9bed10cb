/** `tickerwatch models`: releases published, signed, promoted, put into shadow, rolled back; through the node or on Kafka. */
import { type Command, InvalidArgumentError } from 'commander'
import type { ReleaseChange, ReleaseId } from '../processors/models/release-desk.ts'
import type { AnnotatedScore } from '../processors/models/shadow-comparison.ts'
import { configure } from './configuration/configure.ts'
import type { Settings } from './configuration/settings.ts'
import { deskMeanings, deskSettings, kafkaOnly } from './desk-settings.ts'
import { CliError } from './errors.ts'
import { type DeskOptions, type ListedReleases, type ListingDesk, withDesk } from './models/desk.ts'
import { columns, printJson } from './table.ts'
import { releaseId } from './values.ts'

interface CommonOptions extends DeskOptions, Pick<Settings, 'model'> {
  readonly json?: boolean
}

export function define(command: Command): void {
  const plain = (signature: string, summary: string) =>
    command.command(signature).description(summary).option('--json', 'print JSON')
  const subcommand = (signature: string, summary: string, ...more: readonly 'model'[]) =>
    configure(plain(signature, summary), {
      names: [...deskSettings, 'trustedKeys', ...more],
      about: {
        ...deskMeanings,
        trustedKeys: 'with --brokers, take only releases that one of them signed',
        model: 'whose releases, with --brokers',
      },
      check: (_, given) => kafkaOnly(given, 'registry', 'trustedKeys'),
    })
  const why = ['--reason <text>', 'why, for those who come later; kept with the event', reasonText] as const

  subcommand('list', 'List the releases, the newest first.', 'model').action(list)
  subcommand('show', 'Show one release.').argument('<name@version>', 'the release', releaseId).action(show)
  subcommand('publish', 'Publish a release file; as a candidate, unless it is promoted.')
    .argument('<file>', 'the release file')
    .option('--promote', 'put it into force in every node')
    .option(...why)
    .action(publish)
  subcommand('promote', 'Put a release into force that was published before.')
    .argument('<name@version>', 'the release', releaseId)
    .requiredOption(...why)
    .action((id: ReleaseId, options: CommonOptions & { reason: string }) =>
      change(options, id.name, desk => desk.promote(id, options.reason)),
    )
  subcommand('shadow', 'Let a release score beside the one in force, unseen by the sink.', 'model')
    .argument('[name@version]', 'the release', releaseId)
    .option('--end', 'let none score beside it any more')
    .option(...why)
    .action(shadow)
  subcommand('rollback', 'Go back to the release that was in force before, and retire the newest.', 'model')
    .argument('[name@version]', 'the release to go back to (default: the one promoted before)', releaseId)
    .requiredOption(...why)
    .action((id: ReleaseId | undefined, options: CommonOptions & { reason: string }) =>
      change(options, id?.name ?? options.model, desk =>
        desk.rollback({ version: id?.version, reason: options.reason }),
      ),
    )
  subcommand(
    'compare',
    'Compare a release in shadow with the one that served: agreement, and who is right.',
    'model',
  )
    .argument('[name@version]', 'the release (default: the one in shadow)', releaseId)
    .action(compare)
  subcommand(
    'switches',
    'List which partition was scored by which release, from which reading on.',
    'model',
  ).action(switches)
  plain('keygen', 'Make a pair of keys for signing releases: FILE and FILE.pub.')
    .argument('<file>', 'where the private key goes')
    .action(async (file: string, options) => (await import('./models/keys.ts')).keygen(file, options))
  plain('sign', 'Sign a release file.')
    .argument('<file>', 'the release file')
    .requiredOption('--key <file>', 'the private key')
    .option('--out <file>', 'where the signed file goes (default: in place)')
    .action(async (file: string, options) => (await import('./models/keys.ts')).sign(file, options))
}

async function publish(
  file: string,
  options: CommonOptions & { promote?: boolean; reason?: string },
): Promise<void> {
  const { readRelease } = await import('../processors/models/release.ts')
  const { promote = false, reason } = options
  const release = await readRelease(file)
  await change(options, release.name, desk => desk.publish(release, { promote, reason }))
}

async function shadow(
  id: ReleaseId | undefined,
  options: CommonOptions & { end?: boolean; reason?: string },
  self: Command,
): Promise<void> {
  if ((id === undefined) !== (options.end === true)) self.error('give a release, or --end', { exitCode: 2 })
  await change(options, id?.name ?? options.model, desk =>
    id === undefined ? desk.endShadow(options.reason) : desk.shadow(id, options.reason),
  )
}

async function change(
  options: CommonOptions,
  model: string,
  make: (desk: ListingDesk) => Promise<ReleaseChange>,
): Promise<void> {
  const { name, version, status, reason } = await withDesk(options, model, make)
  if (options.json) printJson({ name, version, status, reason })
  else console.log(`published ${name}@${version} as ${status}`)
}

async function list(options: CommonOptions): Promise<void> {
  const listed = await withDesk(options, options.model, desk => desk.list())
  if (options.json) return printJson(listed)
  const rows = listed.known.map(release => [
    idOf(release),
    statusOf(release, listed),
    release.trust,
    new Date(release.publishedAt).toISOString(),
    inWords(headline(release.metrics)),
    release.reason ?? '',
  ])
  const heading = ['RELEASE', 'STATUS', 'TRUST', 'PUBLISHED', 'ON UNSEEN PEOPLE', 'REASON']
  for (const line of columns([heading, ...rows])) console.log(line)
  for (const { name, version, code, reason } of listed.refused)
    console.log(`refused ${name}@${version}: ${code}: ${reason}`)
  for (const warning of listed.warnings) console.error(`note: ${warning}`)
}

async function show(wanted: ReleaseId, options: CommonOptions): Promise<void> {
  const listed = await withDesk(options, wanted.name, desk => desk.list())
  const release = listed.known.find(other => idOf(other) === idOf(wanted))
  if (!release) throw new CliError('RELEASE_UNKNOWN', `the node knows no release ${idOf(wanted)}`)
  if (options.json) return printJson(release)
  const { publishedAt, metrics, status: _, reason, ...plain } = release
  const rows = Object.entries({
    ...plain,
    status: statusOf(release, listed),
    reason: reason ?? 'none given',
    published: new Date(publishedAt).toISOString(),
    metrics: inWords(metrics),
  }).map(([field, value]) => [field, typeof value === 'string' ? value : JSON.stringify(value)])
  for (const line of columns(rows)) console.log(line)
}

async function switches(options: CommonOptions): Promise<void> {
  const found = await withDesk(options, options.model, desk => desk.switches())
  if (options.json) return printJson(found)
  const rows = found.map(({ partition, version, offset, at }) => [
    String(partition),
    String(offset),
    version,
    new Date(at).toISOString(),
  ])
  for (const line of columns([['PARTITION', 'FROM READING', 'VERSION', 'COMMITTED'], ...rows]))
    console.log(line)
}

async function compare(id: ReleaseId | undefined, options: CommonOptions): Promise<void> {
  const found = await withDesk(options, id?.name ?? options.model, desk => desk.comparison(id))
  if (options.json) return printJson(found)
  const { windows, agreed, annotated, randomArm, disagreements } = found
  const right = ({ windows, shadowRight, servingRight }: AnnotatedScore): string =>
    windows === 0
      ? 'none'
      : `${windows}: the shadow right in ${shadowRight}, the serving release in ${servingRight}`
  const rows = [
    ['in shadow', idOf(found)],
    ['windows', String(windows)],
    ['labelled alike', windows === 0 ? 'none' : `${agreed} (${((100 * agreed) / windows).toFixed(2)} %)`],
    ['annotated', right(annotated)],
    ['of these at random', right(randomArm)],
    ...disagreements.map(({ serving, shadow, windows }) => [`${serving} → ${shadow}`, String(windows)]),
  ]
  for (const line of columns(rows)) console.log(line)
}

function statusOf(release: ReleaseId & { readonly status: string }, { inForce }: ListedReleases): string {
  return inForce && idOf(inForce) === idOf(release) ? 'in force' : release.status
}

function idOf({ name, version }: ReleaseId): string {
  return `${name}@${version}`
}

function reasonText(text: string): string {
  const reason = text.trim()
  if (reason.length === 0 || reason.length > 500)
    throw new InvalidArgumentError('Say it in 1 to 500 characters.')
  return reason
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
