/** `tickerwatch emr JOB`: Spark jobs on EMR. */

import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { jobs } from '../spark-jobs/submit/jobs.ts'
import { stopSignal } from './stop-signal.ts'

interface EmrOptions {
  readonly config: string
  readonly to?: string
  readonly keep?: boolean
  readonly json?: boolean
}

/** Milliseconds between two questions to EMR, which limits their rate. */
const POLL = 10_000

/** What every job does before it runs, alone. */
const uploadOnly = { name: 'code', summary: 'upload the jobs’ code, and run none' }

export function define(command: Command): void {
  command
    .description(
      'Run a Spark job on EMR: on the cluster of the configuration if it is there, else on one made for it, which ends when it is idle, or at once after a failure or Ctrl-C. What follows -- goes to the job’s script.',
    )
    .argument('<job>', [...jobs, uploadOnly].map(({ name, summary }) => `${name} (${summary})`).join(', '))
    .argument('[words...]', 'options of the script, after --')
    .option('--config <file>', 'of the cluster and the lake (spark-jobs/submit/README.md)', 'emr.json')
    .option('--to <url>', 'with code: where it goes, instead of where the configuration says')
    .option('--keep', 'leave a cluster that was made for this job running, also after a failure')
    .option('--json', 'print one line of JSON')
    .action(runJob)
}

async function runJob(
  name: string,
  words: readonly string[],
  { config: path, to, keep = false, json }: EmrOptions,
): Promise<void> {
  if (name === uploadOnly.name) return await upload(path, to)
  const { CliError } = await import('./errors.ts')
  const entry = jobs.find(each => each.name === name)
  if (entry === undefined) throw new CliError('JOB_UNKNOWN', `there is no job ${name}`)
  const { EMRClient } = await import('@aws-sdk/client-emr')
  const { glueCatalog } = await import('../lake/glue/catalog.ts')
  const { registerTables } = await import('../lake/glue/register-table.ts')
  const { openStore } = await import('../lake/open-store.ts')
  const { registeredInWords } = await import('./warehouse/register.ts')
  const { readConfig } = await import('../spark-jobs/submit/config.ts')
  const { jobOf, tablesOf } = await import('../spark-jobs/submit/jobs.ts')
  const { submit } = await import('../spark-jobs/submit/submit.ts')
  const config = await readConfig(path)
  const emr = new EMRClient({ maxAttempts: 5 })
  const catalog = glueCatalog(config.database)
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const [code, logs] = await Promise.all([openStore(config.code), openStore(config.logs)])
  try {
    const done = await submit(jobOf(entry, config.lake, words), {
      emr,
      config,
      code,
      logs,
      keep,
      poll: POLL,
      signal: stopSignal(),
      wait: (milliseconds, signal) => pause(milliseconds, undefined, { signal }),
      now: Date.now,
      say,
    })
    say(`${name} is done after ${Math.round(done.duration / 1000)} s, on cluster ${done.cluster}`)
    const places = tablesOf(entry, config.lake, words)
    const tables = await registerTables(catalog, places).catch(error => {
      for (const [table, place] of places) {
        const words = `tickerwatch warehouse register ${table} ${place} --database ${config.database}`
        say(`${place} is written. To register it later: ${words}`)
      }
      throw error
    })
    if (json) console.log(JSON.stringify({ ...done, tables }))
    else for (const table of tables) console.log(registeredInWords(table))
  } finally {
    catalog.close()
    emr.destroy()
    await Promise.all([code.close(), logs.close()])
  }
}

async function upload(path: string, to: string | undefined): Promise<void> {
  const { openStore } = await import('../lake/open-store.ts')
  const { uploadCode } = await import('../spark-jobs/submit/code.ts')
  const { readConfig } = await import('../spark-jobs/submit/config.ts')
  const store = await openStore(to ?? (await readConfig(path)).code)
  try {
    console.log((await uploadCode(store)).url)
  } finally {
    await store.close()
  }
}
