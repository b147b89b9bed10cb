/** `tickerwatch doctor`: looks at everything that a node with these settings needs, and says what to do where it is wrong. */
import type { Command } from 'commander'
import { configure } from './configuration/configure.ts'
import { kafkaSettings, type Settings } from './configuration/settings.ts'
import type { Finding } from './doctor/check.ts'
import { whileItTakesLong } from './progress.ts'
import { failed } from './report-error.ts'
import { columns, printJson } from './table.ts'

type DoctorOptions = Settings & { readonly json?: boolean }

export function define(command: Command): void {
  configure(command, {
    names: [
      ...kafkaSettings,
      'registry',
      'model',
      'trustedKeys',
      'state',
      'sql',
      's3',
      'featureStore',
      'archive',
    ],
  })
    .description(
      'Look at everything that a node with these settings needs: brokers, rights, clock, topics, the release in force, disk, SQL, registry, buckets. Exit code 1 if something is wrong.',
    )
    .option('--json', 'print JSON')
    .action(look)
}

async function look(options: DoctorOptions): Promise<void> {
  const { examine } = await import('./doctor/check.ts')
  const { kafkaChecks } = await import('./doctor/kafka.ts')
  const { placeChecks } = await import('./doctor/places.ts')
  const checks = [...placeChecks(options), ...kafkaChecks(options)]
  const findings: Finding[] = []
  const stop = whileItTakesLong(() => `${findings.length} of ${checks.length} looked at`)
  try {
    for await (const finding of examine(checks)) {
      findings.push(finding)
      if (!options.json) for (const line of inWords(finding)) console.log(line)
    }
  } finally {
    stop()
  }
  if (options.json) printJson(findings)
  if (findings.some(({ outcome }) => outcome === 'problem')) process.exitCode = failed
}

const words = { ok: 'ok', problem: 'WRONG', skipped: '-' } as const

function inWords({ check, outcome, said, remedy }: Finding): string[] {
  const [line = ''] = columns([[words[outcome].padEnd(5), check.padEnd(13), said]])
  return remedy === undefined ? [line] : [line, `${' '.repeat(22)}${remedy}`]
}
