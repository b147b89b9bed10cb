/** What the routes of topics, groups and schemas take and answer. */
import { z } from 'zod'
import { time, wholeText } from './api.ts'

/** Characters of a key, as text or in hexadecimal. */
const LONGEST_KEY = 2048

const whole = z.number().int().min(0)

/** Kafka allows 249 characters; a subject has some more. */
const name = z.string().max(300)
export const ofTopic = z.object({ topic: name })
export const ofGroup = z.object({ group: z.string().max(4096) })
export const ofSubject = z.object({ subject: name })

export const topics = z.object({
  topics: z.array(
    z.object({
      topic: z.string(),
      internal: z.boolean().describe('The log’s own.'),
      partitions: whole,
      offsets: whole.describe('That lie there: markers and what compaction removed among them.'),
      bytes: whole.optional(),
      cleanup: z.string().describe('Its cleanup.policy.'),
      offline: whole.describe('Partitions without a leader.'),
      underReplicated: whole.describe('Partitions with fewer replicas in sync than they have.'),
    }),
  ),
})

export const topic = z.object({
  topic: z.string(),
  internal: z.boolean(),
  settings: z.array(
    z.object({
      name: z.string(),
      value: z.string().optional().describe('Absent: a secret.'),
      own: z.boolean().describe('Of the topic itself, not a default.'),
    }),
  ),
  partitions: z
    .array(
      z.object({
        partition: whole,
        start: whole.optional(),
        end: whole.optional().describe('As a read_committed reader can reach it.'),
        leader: whole.optional().describe('By node id.'),
        replicas: z.array(whole),
        inSync: z.array(whole),
        bytes: whole.optional().describe('Of the leader’s replica.'),
      }),
    )
    .describe('What nobody answers for at present is absent.'),
})

export const recordsAsked = z.object({
  partition: wholeText.optional().describe('All of them, if absent.'),
  from: z
    .enum(['oldest', 'newest'])
    .optional()
    .describe('The newest, back from the end, if nothing is said.'),
  offset: wholeText.optional().describe('Forward from this offset.'),
  positions: z
    .string()
    .max(16_384)
    .optional()
    .describe('Forward from these, by partition, as 0:12,1:5: where an earlier search ended.'),
  time: wholeText.optional().describe('Only records of this time or later, milliseconds since the epoch.'),
  key: z.string().max(LONGEST_KEY).optional().describe('Only records with this key.'),
  keyHex: z.string().max(LONGEST_KEY).optional().describe('The same, in hexadecimal.'),
  limit: wholeText.min(1).max(200).default(50),
})

const bytes = z.object({
  format: z.enum(['avro', 'json', 'text', 'hex']),
  bytes: whole.describe('How many there are.'),
  decoded: z.unknown().optional(),
  text: z.string().optional(),
  cut: z.boolean().optional().describe('Only the beginning is shown.'),
  schemaId: whole.optional(),
  problem: z.string().optional().describe('Why they are not decoded.'),
})
export const records = z.object({
  records: z.array(
    z.object({
      partition: whole,
      offset: whole,
      timestamp: time,
      key: bytes.nullable(),
      value: bytes.nullable().describe('Null: a deletion, in a compacted topic.'),
      headers: z.array(z.tuple([z.string(), bytes])),
    }),
  ),
  looked: z
    .array(z.object({ partition: whole, from: whole, to: whole, start: whole, end: whole }))
    .describe('What was looked at: from `from` to before `to`, of what lies from `start` to `end`.'),
  missing: z.array(whole).describe('Partitions that nobody answers for at present: they were not looked at.'),
  scanned: z.object({ records: whole, bytes: whole, milliseconds: z.number() }),
  ended: z
    .enum(['end', 'limit', 'records', 'bytes', 'milliseconds', 'found'])
    .describe('Why: it had looked at all, had found enough, or had looked at enough.'),
})

const listedGroup = z.object({
  group: z.string(),
  state: z.string().describe('As Kafka calls it, such as Stable or Empty.'),
  members: whole,
  topics: z.array(z.string()),
  lag: whole.optional().describe('In offsets, of the partitions of which it is known; absent if of none.'),
  unknown: whole.describe('Partitions of which it is not known: nothing is committed there yet.'),
})
const tp = z.object({ topic: z.string(), partition: whole })
export const groups = z.object({ groups: z.array(listedGroup) })
export const group = listedGroup.extend({
  membership: z.array(
    z.object({
      memberId: z.string(),
      clientId: z.string(),
      host: z.string().optional(),
      partitions: z.array(tp),
    }),
  ),
  positions: z.array(
    tp.extend({
      committed: whole.optional(),
      end: whole.optional(),
      lag: whole.optional(),
      memberId: z.string().optional(),
    }),
  ),
})

export const subjects = z.object({ subjects: z.array(z.string()) })
export const subject = z.object({
  subject: z.string(),
  compatibility: z.string().optional().describe('Such as BACKWARD; absent where nothing is checked.'),
  versions: z
    .array(z.object({ version: whole, id: whole, type: z.string(), text: z.string() }))
    .describe('The newest, in order.'),
  earlier: z.array(whole).describe('The numbers of those before them.'),
})
