import type { Log } from './log/log.ts'
import type { Plan } from './plan.ts'

export interface PartitionPositions {
  readonly topic: string
  readonly partition: number
  /** That a read_committed reader can reach. */
  readonly end: number
  /** Committed by the application, or where the partition begins. */
  readonly position: number
  /** Whether the application ever committed one. */
  readonly committed: boolean
}

/** How far an application has come, per input partition; whichever nodes run it. */
export async function lagOf(
  log: Log,
  { applicationId, subTopologies }: Plan,
): Promise<readonly PartitionPositions[]> {
  const topics = subTopologies.flatMap(part => part.sourceTopics)
  const committed = await log.admin.committed(applicationId, topics)
  const lags = await Promise.all(
    topics.map(async topic =>
      (await log.admin.offsets(topic)).map(({ partition, start, end }) => {
        const position = committed.find(
          each => each.topic === topic && each.partition === partition,
        )?.position
        return { topic, partition, end, position: position ?? start, committed: position !== undefined }
      }),
    ),
  )
  return lags.flat()
}
