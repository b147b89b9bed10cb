/** `tickerwatch generate`: new recordings that keep the statistics of the real ones. */
import type { Command } from 'commander'
import { whileItTakesLong } from './progress.ts'
import { between, duration, whole } from './values.ts'

interface GenerateOptions {
  readonly devices: number
  readonly for: number
  readonly out: string
  readonly seed: number
  readonly profile: string
  readonly statistics?: string
  readonly gzip?: boolean
  readonly json?: boolean
}

/** Generated recordings begin here, so that a seed gives the same files on any day. */
const start = Date.UTC(2026, 0, 5, 8)

export function define(command: Command): void {
  command
    .description('Write generated recordings in the CASAS file format, a file per device.')
    .requiredOption('--out <dir>', 'where the files go; existing ones are not overwritten')
    .option('--devices <n>', 'how many watches', between(1, 500), 4)
    .option('--for <duration>', 'how long each recording is, such as 10m', duration, 600_000)
    .option('--seed <n>', 'the same seed gives the same files', whole, 1)
    .option('--profile <name|file>', 'the statistics to keep: watch, pocket, or a file of them', 'watch')
    .option(
      '--statistics <url>',
      'take the profile of that name from the table of statistics: glue://database, s3://…, a directory, postgres://… or redshift://…',
    )
    .option('--gzip', 'compress the files')
    .option('--json', 'print JSON')
    .action(writeGenerated)
}

async function writeGenerated({
  out,
  devices,
  seed,
  gzip = false,
  json,
  ...rest
}: GenerateOptions): Promise<void> {
  const { generate } = await import('../processors/generator/generate.ts')
  const { writeRecordings } = await import('../processors/recordings/writer.ts')
  const { openProfile } = await import('./generate/open-profile.ts')
  const profile = await openProfile(rest.profile, rest.statistics)
  const readings = generate({ profile, devices, seed, start, duration: rest.for, delayedShare: 0 })
  let done = 0
  const counted = async function* () {
    for await (const chunk of readings) {
      yield chunk
      done += chunk.length
    }
  }
  const stop = whileItTakesLong(() => `${done} readings written`)
  const written = await writeRecordings(out, counted(), { gzip }).finally(stop)
  if (json) console.log(JSON.stringify({ ...written, directory: out }))
  else console.log(`wrote ${written.readings} readings of ${written.devices} devices to ${out}`)
}
