import { avroTargets } from './avro-targets.ts'
import { fileTargets } from './file-targets.ts'
import { httpTargets } from './http-targets.ts'
import { logTargets } from './log-targets.ts'
import { stateTargets } from './state-targets.ts'
import type { Target } from './target.ts'

/** All that decodes what comes from outside. */
export const targets: readonly Target[] = [
  ...avroTargets,
  ...logTargets,
  ...stateTargets,
  ...fileTargets,
  ...httpTargets,
]
