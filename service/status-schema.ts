/** What a node tells of itself (`status.ts`), as the document of the API has it. */
import { z } from 'zod'
import { time } from './api.ts'

const count = z.number().int().min(0)
const counts = z.record(z.string(), count)
const paused = z.string().optional().describe('Why nothing is written at present.')
const release = z.object({ name: z.string(), version: z.string() })
const target = z.string().describe('Where to, for people.')
const perSecond = z.number().optional().describe('Absent while there is nothing to compare with.')

export const releaseStatus = z.enum(['candidate', 'promoted', 'retired', 'shadow'])
const reason = z.string().nullable()

export const annotationStatus = z.object({
  labelled: count.describe('Windows with a label.'),
  cannotTell: count.describe('Windows that could not be recognised.'),
  byAnnotator: counts,
  byLabel: counts,
  waiting: z.object({ unsure: count, random: count }).describe('Windows that a person could be given now.'),
  accuracy: z
    .array(
      z.object({
        version: z.string(),
        windows: count,
        right: count,
        perClass: z.record(z.string(), z.object({ windows: count, right: count })),
      }),
    )
    .describe('Of each release, on windows of the random arm that were labelled.'),
})

export const modelsStatus = z.object({
  inForce: release.optional(),
  shadow: release.optional().describe('What scores beside it.'),
  shadowing: release
    .extend({
      state: z.enum(['loading', 'scoring', 'failed']),
      scored: count,
      agreed: count,
      backlog: count,
      dropped: count,
      failed: count,
      failure: z.string().optional(),
    })
    .optional(),
  signaturesRequired: z.boolean().describe('Only releases that a trusted key signed are taken.'),
  known: z
    .array(
      release.extend({
        status: releaseStatus,
        trust: z.enum(['signed', 'shipped', 'unverified']),
        reason,
        publishedAt: time,
        metrics: z.record(z.string(), z.number()),
        featureSchemaHash: z.string().optional(),
        labels: z.array(z.string()).optional(),
        temperature: z.number().optional(),
        minimumConfidence: z.number().optional(),
        minimumMargin: z.number().optional(),
        lineage: z.record(z.string(), z.string()).optional(),
        sha256: z.string().optional(),
        size: count.optional(),
        location: z.string().nullable().optional(),
      }),
    )
    .describe('Every release seen, the newest first.'),
  events: z.array(z.object({ version: z.string(), status: releaseStatus, reason, at: time })),
  refused: z.array(release.extend({ code: z.string(), reason: z.string(), at: time })),
  refusals: count.describe('All that were ever refused.'),
  warnings: z.array(z.string()),
  swaps: z.array(z.object({ version: z.string(), at: time })),
})

export const topologyStatus = z.object({
  nodes: z.array(
    z.object({
      name: z.string(),
      kind: z.string(),
      subTopology: count,
      topic: z.string().optional(),
      store: z.string().optional(),
    }),
  ),
  edges: z.array(
    z.object({
      from: z.string(),
      to: z.string(),
      output: z.string().describe('Which output of `from`: out, late, a branch.'),
      total: count,
      perSecond,
    }),
  ),
})

const prediction = z.object({
  deviceId: z.string(),
  windowStart: time,
  windowEnd: time,
  samples: count,
  label: z.string(),
  confidence: z.number(),
  margin: z.number(),
  probabilities: z.record(z.string(), z.number()),
  route: z.enum(['sure', 'unsure', 'unsureOverBudget', 'randomArm']),
  modelName: z.string(),
  modelVersion: z.string(),
})

export const snapshot = z.object({
  at: time,
  startedAt: time,
  guarantee: z.string(),
  log: z.string(),
  memoryBytes: count,
  readings: count,
  readingsPerSecond: perSecond,
  windowsClosed: count,
  late: count,
  deadLettered: count,
  skipped: count,
  work: z.object({
    tasks: z.array(z.string()),
    standbys: z.array(z.object({ task: z.string(), lag: count.optional() })),
    restoring: z.array(z.object({ task: z.string(), store: z.string(), left: count })),
  }),
  annotationRequests: count,
  annotation: annotationStatus,
  featureStore: z.object({ target, rows: count, waiting: count, paused }),
  archive: z.object({ target, files: count, rows: count, lag: count, paused }).optional(),
  predictions: counts.describe('By version of the model.'),
  predictionsPerSecond: perSecond,
  lag: z.array(
    z.object({
      group: z.string(),
      topic: z.string(),
      partition: count,
      lag: z.number().int().min(-1).describe('-1: the group never committed.'),
    }),
  ),
  sink: z.object({ target, rows: count, lag: count, paused }),
  models: modelsStatus,
  lastPredictions: z.array(prediction).describe('The newest first, at most 50.'),
  topology: topologyStatus,
  history: z
    .array(z.object({ at: time, readingsPerSecond: z.number(), lag: count }))
    .describe('Of the last two minutes.'),
})
