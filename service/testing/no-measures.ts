import { distribution } from '../../topology/index.ts'
import type { Measures } from '../status.ts'

/** Of a node that has done nothing. */
export const noMeasures: Measures = {
  ingest: { readings: 0, malformed: 0, ended: 0 },
  node: {
    tasks: [],
    threads: [],
    standbys: [],
    restoring: [],
    processed: 0,
    deadLettered: 0,
    skipped: 0,
    windowsClosed: 0,
    outputs: [],
  },
  predictions: {
    predictions: 0,
    byVersion: {},
    byRoute: { randomArm: 0, sure: 0, unsure: 0, unsureOverBudget: 0 },
    age: distribution([1]),
    confidence: {},
    digest: '',
  },
  sink: { rows: 0, deadLettered: 0, partitions: [], lag: 0, delay: 0 },
}
