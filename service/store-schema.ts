/** What the routes of stores take and answer. */
import { z } from 'zod'
import { failure, wholeText, yesOrNo } from './api.ts'

/** Characters of a key in a path. */
export const LONGEST_KEY = 4096

export const key = z.string().max(LONGEST_KEY)
export const ofStore = z.object({ store: z.string() })
export const ofKey = ofStore.extend({ key })
export const standby = yesOrNo
  .transform(text => text === 'true')
  .describe('A standby may answer, where the task is not at hand.')
export const limited = { standby, limit: wholeText.min(1).max(1000).default(100).describe('Of each task.') }
export const times = {
  from: wholeText.default(0).describe('Milliseconds since the epoch.'),
  to: wholeText.default(Number.MAX_SAFE_INTEGER).describe('Milliseconds since the epoch.'),
}

const node = z.object({ node: z.string(), endpoint: z.string().optional() })
export const storeShown = z.object({
  name: z.string(),
  kind: z
    .enum(['key-value', 'window', 'session', 'versioned'])
    .optional()
    .describe('Absent where it cannot be read.'),
  keys: z.string().optional().describe('The serde of its keys.'),
  tasks: z.array(
    z.object({
      task: z.string(),
      partition: z.number().int(),
      active: node.optional(),
      standbys: z.array(node),
    }),
  ),
})
const entry = z.record(z.string(), z.unknown())
const answeredBy = z.object({
  task: z.string(),
  node: z.string(),
  from: z.enum(['active', 'standby']),
  lag: z.number().int().describe('Records of its changelogs that it lacks.'),
  positions: z
    .array(z.object({ topic: z.string(), partition: z.number().int(), position: z.number().int() }))
    .describe('How far it reaches.'),
})
const several = answeredBy.extend({ entries: z.array(entry), more: z.boolean() })
export const range = z.object({ store: z.string(), answers: z.array(several) })
export const windows = z.object({
  store: z.string(),
  key: z.unknown(),
  windows: z.array(entry),
  more: z.boolean(),
})
export const found = z.looseObject({ store: z.string(), key: z.unknown() })

const forwarded = z.object({ answers: z.array(several) }).describe('To a node that forwards the question.')

/** How these routes answer. */
export const responses = <Answer extends z.ZodType>(answer: Answer) => ({
  200: z.union([answer, forwarded]),
  400: failure,
  404: failure,
  502: failure,
  503: failure,
})
