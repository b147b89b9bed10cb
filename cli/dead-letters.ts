/** `tickerwatch dead-letters`: what was given up, why, and putting it back; through the running node or on Kafka itself. */
import type { Command } from 'commander'
import type { LetterList, ListedLetter, ShownLetter } from '../processors/dead-letter-desk.ts'
import type { LetterFilter, Replay } from '../topology/index.ts'
import { configure } from './configuration/configure.ts'
import { type DeskOptions, withDesk } from './dead-letters/desk.ts'
import { hexDump } from './dead-letters/hex-dump.ts'
import { deskMeanings, deskSettings, kafkaOnly } from './desk-settings.ts'
import { CliError } from './errors.ts'
import { columns, printJson } from './table.ts'
import { between, moment, whole } from './values.ts'

interface CommonOptions extends DeskOptions {
  readonly json?: boolean
}

interface FilterOptions extends CommonOptions {
  readonly topic?: string
  readonly code?: string
  readonly since?: number
}

export function define(command: Command): void {
  const subcommand = (signature: string, summary: string) => {
    const own = command.command(signature).description(summary)
    return configure(own, {
      names: deskSettings,
      about: deskMeanings,
      check: (_, given) => [
        ...kafkaOnly(given, 'registry'),
        ...(own.getOptionValue('applicationId') !== undefined && given('brokers') === undefined
          ? ['--application-id belongs to --brokers.']
          : []),
      ],
    })
      .option('--application-id <id>', 'whose dead letters, with --brokers (default: activity)')
      .option('--json', 'print JSON')
  }
  const filtered = (signature: string, summary: string) =>
    subcommand(signature, summary)
      .option('--topic <name>', 'only records of this topic')
      .option('--code <code>', 'only those given up for this reason, such as RECORD_INVALID')
      .option('--since <time>', 'only those given up since then: 2026-11-26T04:00:00Z, or 2h for ago', moment)

  filtered('list', 'Count them by reason, and list the newest.')
    .option('--limit <n>', 'how many are listed', between(0, 1000), 20)
    .action(list)
  subcommand('show', 'Show one, with what it holds.').argument('<id>', 'as listed', whole).action(show)
  filtered('replay', 'Put records back into their topics, each at most once however often this is run.')
    .argument('[ids...]', 'as listed', ids)
    .option('--all', 'all that there are')
    .option('--dry-run', 'say how many it would be, and write nothing')
    .action(replay)
}

async function list(options: FilterOptions & { limit: number }): Promise<void> {
  const found = await withDesk(options, desk => desk.list(filterOf(options), options.limit))
  if (options.json) return printJson(found)
  for (const line of listInWords(found)) console.log(line)
}

async function show(id: number, options: CommonOptions): Promise<void> {
  const letter = await withDesk(options, desk => desk.show(id))
  if (letter === undefined) throw new CliError('LETTER_UNKNOWN', `there is no dead letter ${id}`)
  if (options.json) return printJson(letter)
  for (const line of letterInWords(letter)) console.log(line)
}

async function replay(
  wanted: readonly number[] | undefined,
  options: FilterOptions & { all?: boolean; dryRun?: boolean },
  command: Command,
): Promise<void> {
  const filter = { ...filterOf(options), ...(wanted !== undefined && wanted.length > 0 && { ids: wanted }) }
  if (Object.keys(filter).length === 0 && !options.all) {
    command.error('say which: ids, --topic, --code, --since, or --all', { exitCode: 2 })
  }
  const dryRun = options.dryRun ?? false
  const done = await withDesk(options, desk => desk.replay(filter, { dryRun }))
  if (options.json) return printJson({ dryRun, ...done })
  for (const line of replayInWords(done, dryRun)) console.log(line)
}

function ids(text: string, before: readonly number[] = []): readonly number[] {
  return [...before, whole(text)]
}

function filterOf({ topic, code, since }: FilterOptions): LetterFilter {
  return {
    ...(topic !== undefined && { topic }),
    ...(code !== undefined && { code }),
    ...(since !== undefined && { since }),
  }
}

function listInWords({ counts, letters }: LetterList): string[] {
  if (counts.length === 0) return ['no dead letters']
  const sums = counts.map(({ topic, code, letters: count, replayed }) => [
    String(count),
    replayed === 0 ? '' : `${replayed} replayed`,
    code,
    topic,
  ])
  if (letters.length === 0) return columns(sums)
  const rows = letters.map(letter => [
    String(letter.id),
    new Date(letter.time).toISOString(),
    letter.code,
    placeOf(letter),
    oneLine(letter.replayedAt === undefined ? letter.message : `(replayed) ${letter.message}`),
  ])
  return [...columns(sums), '', ...columns([['ID', 'GIVEN UP', 'REASON', 'RECORD', 'MESSAGE'], ...rows])]
}

function letterInWords(letter: ShownLetter): string[] {
  const { code, message, stage, operator, application, task, replayedAt, exception, stacktrace } = letter
  const time = (at: number): string => new Date(at).toISOString()
  const rows: [string, string][] = [
    ['reason', `${code}: ${oneLine(message)}`],
    ['stage', `${stage}, in ${operator} of ${application}${task === undefined ? '' : ` task ${task}`}`],
    ['record', placeOf(letter)],
    [
      'event time',
      Number.isFinite(letter.timestamp) ? `${letter.timestamp} (${time(letter.timestamp)})` : '-',
    ],
    ['given up', time(letter.time)],
    ['replayed', replayedAt === undefined ? 'no' : time(replayedAt)],
  ]
  if (exception !== '') rows.push(['exception', exception])
  const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text, 'base64'))
  return [
    ...columns(rows),
    ...(stacktrace === '' ? [] : ['', ...stacktrace.split('\n').map(line => `  ${line}`)]),
    ...letter.headers.flatMap(([name, value]) => ['', `header ${name}`, ...hexDump(bytes(value))]),
    '',
    'key',
    ...hexDump(bytes(letter.key)),
    '',
    'value',
    ...(letter.decoded === undefined
      ? hexDump(bytes(letter.value))
      : JSON.stringify(letter.decoded, null, 2).split('\n')),
  ]
}

function replayInWords({ replayed, replayedBefore, refused }: Replay, dryRun: boolean): string[] {
  const lines = [`${dryRun ? 'would replay' : 'replayed'} ${inLetters(replayed)}`]
  if (replayedBefore > 0) lines.push(`left alone ${inLetters(replayedBefore)} replayed before`)
  for (const { reason, letters } of refused) lines.push(`left alone ${inLetters(letters)}: ${reason}`)
  return lines
}

function inLetters(count: number): string {
  return `${count} letter${count === 1 ? '' : 's'}`
}

function placeOf({ topic, partition, offset }: Pick<ListedLetter, 'topic' | 'partition' | 'offset'>): string {
  return partition < 0 ? topic : `${topic}/${partition} at ${offset}`
}

function oneLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
