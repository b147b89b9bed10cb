/** `tickerwatch stage`: recordings into the lake, from the web or from disk. */
import type { Command } from 'commander'
import type { StageReport } from '../lake/staging/stage.ts'
import { byteProgress, inBytes } from './progress.ts'
import { failed } from './report-error.ts'
import { stopSignal } from './stop-signal.ts'
import { between } from './values.ts'

interface StageOptions {
  readonly to: string
  readonly prefix: string
  readonly files: number
  readonly partSize: number
  readonly json?: boolean
}

/** Those of CASAS (Washington State University): 50 GB, about 160 GB unpacked. */
const smartwatch = [1, 2, 3].map(group => `https://casas.wsu.edu/datasets/smartwatch/group${group}.zip`)

export function define(command: Command): void {
  command
    .description(
      'Bring recordings into the lake: files and zip archives, from the web or from disk, unpacked on their way. A run that was cut off goes on when the command is run again.',
    )
    .argument('[sources...]', 'paths or URLs (default: the smartwatch recordings of CASAS, 50 GB)')
    .requiredOption('--to <url>', 's3://bucket, s3://bucket/prefix, or a directory')
    .option('--prefix <path>', 'where in the lake', 'staging')
    .option('--files <n>', 'files at a time; each takes up to 4 parts of memory', between(1, 32), 4)
    .option('--part-size <MiB>', 'of a part, in which files are written', between(5, 1024), 16)
    .option('--json', 'print one line of JSON')
    .action(stageAll)
}

async function stageAll(
  sources: readonly string[],
  { to, prefix, files, partSize, json }: StageOptions,
): Promise<void> {
  const { openStore } = await import('../lake/open-store.ts')
  const { stage } = await import('../lake/staging/stage.ts')
  const store = await openStore(to)
  const progress = byteProgress(process.stderr)
  try {
    const report = await stage(sources.length > 0 ? sources : smartwatch, {
      store,
      prefix,
      files,
      partSize: partSize << 20,
      signal: stopSignal(),
      onProgress: ({ done, total, files }) =>
        progress.update(done, total, `${files.done} of ${files.total} files`),
    })
    progress.end()
    for (const { source, error } of report.failures)
      process.stderr.write(`${source}\n  ${error.code}: ${error.message}\n  ${error.remedy}\n`)
    if (json) console.log(JSON.stringify(inJson(report)))
    else console.log(inWords(report, `${store.url}${prefix}/`))
    if (report.failures.length > 0) process.exitCode = failed
  } finally {
    progress.end()
    await store.close()
  }
}

function inJson({ failures, ...done }: StageReport): object {
  const reasons = failures.map(({ source, error }) => ({ source, code: error.code, message: error.message }))
  return { ...done, failures: reasons }
}

function inWords({ files, total, done, written, failures }: StageReport, place: string): string {
  const before = done - written > 0 ? `, ${inBytes(done - written)} of them were there before` : ''
  const lost = failures.length > 0 ? `; ${failures.length} failed, see above` : ''
  return `${files.done} of ${files.total} files (${inBytes(done)} of ${inBytes(total)}) are in ${place}${before}${lost}`
}
