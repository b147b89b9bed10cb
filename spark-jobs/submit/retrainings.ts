/** What retrainings have come to, by what they left in the lake (processors/retraining/scheduled.ts). */
import { z } from 'zod'
import type { ObjectStore } from '../../lake/object-store.ts'

/** Told, the newest; keys that are looked through, and bytes of a report. */
const TOLD = 20
const KEYS = 5000
const LIMIT = 1 << 20

const reportShape = z.object({
  candidate: z.string(),
  serving: z.string(),
  newlyLabelled: z.int(),
  unseen: z.object({
    people: z.number(),
    windows: z.number(),
    difference: z.number(),
    lowerBound: z.number(),
  }),
  promoted: z.boolean(),
  objections: z.array(z.string()),
})

export interface Retraining {
  readonly run: string
  /** When the last of its parts came, milliseconds since the epoch. */
  readonly at: number
  /** Null while it has not ended, or where its report is not what it should be. */
  readonly report: z.infer<typeof reportShape> | null
}

/** The newest first. */
export async function retrainings(lake: ObjectStore): Promise<Retraining[]> {
  const runs = new Map<string, { at: number; hasReport: boolean }>()
  let left = KEYS
  for await (const { key, modified } of lake.list('retraining/')) {
    const [, run, name] = key.split('/')
    if (run === undefined || name === undefined) continue
    const before = runs.get(run)
    runs.set(run, {
      at: Math.max(before?.at ?? 0, modified),
      hasReport: before?.hasReport === true || name === 'report.json',
    })
    if (--left === 0) break
  }
  const newest = [...runs].sort(([, a], [, b]) => b.at - a.at).slice(0, TOLD)
  return await Promise.all(
    newest.map(async ([run, { at, hasReport }]) => ({
      ...{ run, at },
      report: hasReport ? await reportOf(lake, run) : null,
    })),
  )
}

async function reportOf(lake: ObjectStore, run: string): Promise<Retraining['report']> {
  const bytes = await lake.get(`retraining/${run}/report.json`, { limit: LIMIT })
  try {
    return reportShape.safeParse(JSON.parse(String(bytes))).data ?? null
  } catch {
    return null
  }
}
