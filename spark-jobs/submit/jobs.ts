/** The jobs by name: what they run, and where in the lake they read and write unless told otherwise. */
import type { SparkJob } from './step.ts'

export interface JobEntry {
  readonly name: string
  readonly summary: string
  readonly script: string
  /** @param lake without a slash at its end. @param code ends with a slash */
  readonly words: (lake: string, code: string) => readonly string[]
  /** What of its output is a table. */
  readonly tables: readonly JobTable[]
}

export interface JobTable {
  /** In Glue. */
  readonly name: string
  /** The option of the script that says where it writes. */
  readonly option: string
  /** The table's folder there; the place itself if not given. */
  readonly folder?: string
}

export const jobs: readonly JobEntry[] = [
  {
    name: 'clean',
    summary: 'staged recordings to clean readings, and a quarantine for the rest',
    script: 'clean.py',
    words: (lake, code) => [
      ...['--recordings', `${lake}/staging`, '--out', `${lake}/processed`],
      ...['--labels', `${code}labels/casas.csv`, '--report', `${lake}/reports/clean.json`],
    ],
    tables: [
      { name: 'readings', option: '--out', folder: 'readings' },
      { name: 'quarantine', option: '--out', folder: 'quarantine' },
    ],
  },
  {
    name: 'statistics',
    summary: 'the statistics that generated readings keep',
    script: 'descriptive_statistics.py',
    words: lake => [
      ...['--recordings', `${lake}/staging`, '--table', `${lake}/statistics`],
      ...['--report', `${lake}/reports/statistics.json`],
    ],
    tables: [{ name: 'statistics', option: '--table' }],
  },
  {
    name: 'features',
    summary: 'clean readings to labelled windows with their features',
    script: 'extract_features.py',
    words: lake => [
      ...['--readings', `${lake}/processed/readings`, '--out', `${lake}/features`],
      ...['--schema', 'features.json', '--report', `${lake}/reports/features.json`],
    ],
    tables: [{ name: 'features', option: '--out' }],
  },
  {
    name: 'train',
    summary: 'labelled windows to a model release',
    script: 'train.py',
    words: lake => [
      ...['--features', `${lake}/features`, '--release', `${lake}/releases/candidate.json`],
      ...['--schema', 'features.json', '--report', `${lake}/reports/train.json`],
    ],
    tables: [],
  },
  {
    name: 'evaluate',
    summary: 'how well a release does on labelled windows',
    script: 'evaluate.py',
    words: lake => [
      ...['--features', `${lake}/features`, '--release', `${lake}/releases/candidate.json`],
      ...['--report', `${lake}/reports/evaluate.json`],
    ],
    tables: [],
  },
]

/** @param more words for the script; where they repeat an option, they win */
export function jobOf({ name, script, words }: JobEntry, lake: string, more: readonly string[]): SparkJob {
  return { name, script, words: code => [...words(lake, code), ...more] }
}

/** The tables that a job writes: name → where. @param more as of `jobOf` */
export function tablesOf(
  { words, tables }: JobEntry,
  lake: string,
  more: readonly string[] = [],
): ReadonlyMap<string, string> {
  const all = [...words(lake, ''), ...more]
  return new Map(
    tables.map(({ name, option, folder }) => {
      const place = (optionValue(all, option) ?? lake).replace(/\/+$/, '')
      return [name, folder === undefined ? place : `${place}/${folder}`]
    }),
  )
}

/** Of an option given as `--name value` or `--name=value`; the last one counts. */
function optionValue(words: readonly string[], option: string): string | undefined {
  const at = words.findLastIndex(word => word === option || word.startsWith(`${option}=`))
  const word = words[at]
  return word === option ? words[at + 1] : word?.slice(option.length + 1)
}
