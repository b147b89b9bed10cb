/** The jobs by name: what they run, and where in the lake they read and write unless told otherwise. */
import type { SparkJob } from './step.ts'

export interface JobEntry {
  readonly name: string
  readonly summary: string
  readonly script: string
  /** @param lake without a slash at its end. @param code ends with a slash */
  readonly words: (lake: string, code: string) => readonly string[]
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
  },
  {
    name: 'statistics',
    summary: 'the statistics that generated readings keep',
    script: 'descriptive_statistics.py',
    words: lake => [
      ...['--recordings', `${lake}/staging`, '--table', `${lake}/statistics`],
      ...['--report', `${lake}/reports/statistics.json`],
    ],
  },
  {
    name: 'features',
    summary: 'clean readings to labelled windows with their features',
    script: 'extract_features.py',
    words: lake => [
      ...['--readings', `${lake}/processed/readings`, '--out', `${lake}/features`],
      ...['--schema', 'features.json', '--report', `${lake}/reports/features.json`],
    ],
  },
  {
    name: 'train',
    summary: 'labelled windows to a model release',
    script: 'train.py',
    words: lake => [
      ...['--features', `${lake}/features`, '--release', `${lake}/releases/candidate.json`],
      ...['--schema', 'features.json', '--report', `${lake}/reports/train.json`],
    ],
  },
  {
    name: 'evaluate',
    summary: 'how well a release does on labelled windows',
    script: 'evaluate.py',
    words: lake => [
      ...['--features', `${lake}/features`, '--release', `${lake}/releases/candidate.json`],
      ...['--report', `${lake}/reports/evaluate.json`],
    ],
  },
]

/** @param more words for the script; where they repeat an option, they win */
export function jobOf({ name, script, words }: JobEntry, lake: string, more: readonly string[]): SparkJob {
  return { name, script, words: code => [...words(lake, code), ...more] }
}
