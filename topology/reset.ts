/**
 * Makes an application begin anew, as kafka-streams-application-reset does: its group's positions are set, its internal topics
 * deleted. What it wrote stays, and so do its dead letters.
 *
 * A reset that is cut off is run again, and does the rest. A node that starts in the middle of one would work with one half
 * of the old; so nothing is done while the group has members, the log itself refuses to set positions then, and the
 * topics are looked at last.
 */
import { TickerError } from './errors.ts'
import type { CommittedOffset, Log } from './log/log.ts'
import { deadLetterTopic } from './plan.ts'

/** Where the input is read from again; a time is milliseconds since the epoch. */
export type ResetTo = 'earliest' | 'latest' | { readonly time: number }

export interface ResetOptions {
  readonly log: Log
  readonly applicationId: string
  readonly to: ResetTo
  /** Topics whose positions are set; absent: all that the group has positions of, but internal ones. */
  readonly inputTopics?: readonly string[] | undefined
  /**
   * Topics that are deleted; absent: all that are named as the application's changelogs and repartition topics are, and not
   * as those of another application whose id begins with this one's.
   */
  readonly internalTopics?: readonly string[] | undefined
}

export interface PlannedReset {
  readonly positions: readonly PlannedPosition[]
  readonly internalTopics: readonly { readonly topic: string; readonly partitions: number }[]
}

export interface PlannedPosition extends CommittedOffset {
  /** Undefined where the group has none. */
  readonly before: number | undefined
}

/**
 * Finds out what a reset would do; nothing is changed.
 * @throws TickerError GROUP_ACTIVE, LOG_UNKNOWN_TOPIC
 */
export async function planReset(options: ResetOptions): Promise<PlannedReset> {
  const { log, applicationId } = options
  await checkNobodyRuns(log, applicationId)
  const present = await log.admin.listTopics()
  const others = await otherApplications(options, present)
  const ownerOf = (topic: string): string | undefined => others.find(other => isInternal(topic, other))
  const internal =
    options.internalTopics ??
    present.filter(topic => isInternal(topic, applicationId) && ownerOf(topic) === undefined)
  for (const topic of options.internalTopics ?? []) {
    if (!isInternal(topic, applicationId)) {
      const message = `${topic} is no changelog or repartition topic of ${applicationId}`
      throw new TickerError('RESET_REFUSED', message)
    }
    const owner = ownerOf(topic)
    if (owner === undefined) continue
    throw new TickerError('RESET_REFUSED', `${topic} is named as one of the application ${owner}`)
  }
  const committed = await log.admin.committed(applicationId, present)
  const read = new Set(committed.map(each => each.topic).filter(topic => !isInternal(topic, applicationId)))
  const inputs = options.inputTopics ?? [...read].sort()
  const positions = await Promise.all(inputs.map(topic => positionsOf(topic, committed, options)))
  const described = await Promise.all(internal.map(topic => log.admin.describeTopic(topic)))
  return {
    positions: positions.flat(),
    internalTopics: described
      .filter(each => each !== undefined)
      .map(({ topic, partitions }) => ({ topic, partitions })),
  }
}

/** @throws TickerError GROUP_ACTIVE, LOG_FAILED when a member joined meanwhile */
export async function reset(log: Log, applicationId: string, planned: PlannedReset): Promise<void> {
  await checkNobodyRuns(log, applicationId)
  await log.admin.setPositions(applicationId, planned.positions)
  await checkNobodyRuns(log, applicationId)
  await log.admin.deleteTopics(planned.internalTopics.map(({ topic }) => topic))
}

async function checkNobodyRuns(log: Log, group: string): Promise<void> {
  const members = await log.admin.members(group)
  if (members.length === 0) return
  const names = members.map(({ clientId }) => clientId).sort()
  const count = names.length === 1 ? '1 member' : `${names.length} members`
  throw new TickerError('GROUP_ACTIVE', `group ${group} has ${count}: ${names.join(', ')}`)
}

/**
 * Applications whose id begins with this one's and a dash: their internal topics are named as this one's are, `a-b-c-changelog`
 * for the store `c` of `a-b` or `b-c` of `a`. Where there is an application `a-b` they are taken for its own. There is one if
 * it has a topic for dead letters, as all of ours have, or its group has positions.
 */
async function otherApplications(
  { log, applicationId }: ResetOptions,
  present: readonly string[],
): Promise<readonly string[]> {
  const candidates = new Set<string>()
  for (const topic of present.filter(each => isInternal(each, applicationId))) {
    for (let dash = applicationId.length; ; ) {
      dash = topic.indexOf('-', dash + 1)
      if (dash < 0) break
      candidates.add(topic.slice(0, dash))
    }
  }
  const found: string[] = []
  for (const candidate of candidates) {
    const exists =
      present.includes(deadLetterTopic(candidate)) ||
      (await log.admin.committed(candidate, present)).length > 0
    if (exists) found.push(candidate)
  }
  return found
}

/** Whether a topic is named as changelogs and repartition topics of the application are. */
function isInternal(topic: string, applicationId: string): boolean {
  return topic.startsWith(`${applicationId}-`) && /-(changelog|repartition)$/.test(topic)
}

async function positionsOf(
  topic: string,
  committed: readonly CommittedOffset[],
  { log, to }: ResetOptions,
): Promise<PlannedPosition[]> {
  const bounds = await log.admin.offsets(topic)
  const at = typeof to === 'object' ? await log.admin.positionsAt(topic, to.time) : []
  return bounds.map(({ partition, start, end }) => {
    const found = at.find(each => each.partition === partition)?.position
    return {
      topic,
      partition,
      before: committed.find(each => each.topic === topic && each.partition === partition)?.position,
      position: to === 'earliest' ? start : (found ?? end),
    }
  })
}
