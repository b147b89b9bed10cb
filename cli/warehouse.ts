/** `tickerwatch warehouse`: tables of the lake, registered in Glue and loaded into SQL. */
import type { Command } from 'commander'
import { configure } from './configuration/configure.ts'
import { glueName } from './values.ts'

export function define(command: Command): void {
  const subcommand = (name: string, summary: string) =>
    command
      .command(name)
      .description(summary)
      .argument('<table>', 'its name in Glue, such as readings or statistics', glueName)
      .option('--database <name>', 'of Glue', glueName, 'tickerwatch')
      .option('--json', 'print JSON')
  subcommand(
    'register',
    'Register a table of Parquet files in Glue: its columns, and a partition for each folder. Doing it again changes nothing. What `tickerwatch emr` writes is registered by it.',
  )
    .argument('<url>', 'where its files are, such as s3://my-lake/processed/readings')
    .action(async (table, url, options) =>
      (await import('./warehouse/register.ts')).register(table, url, options),
    )
  configure(
    subcommand(
      'load',
      'Bring a table of Glue into a warehouse, those of its partitions that are new or have changed. A run that was cut off goes on when the command is run again.',
    ),
    { names: ['sql'], required: ['sql'] },
  ).action(async (table, options) => (await import('./warehouse/load.ts')).load(table, options))
}
