/** What of a stream thread should move on, for the watchdog. */
import type { Running } from './start-task.ts'
import type { Activity } from './watchdog.ts'

interface ThreadActivities {
  /** Of its loop, so far. */
  readonly steps: number
  /** Tasks on their way, by name; `progress` rises with each step of it. */
  readonly starting: ReadonlyMap<string, { readonly progress: number }>
  readonly running: readonly Running[]
  /** Told to take no records. */
  readonly paused: boolean
}

export function activitiesOf({ steps, starting, running, paused }: ThreadActivities): readonly Activity[] {
  const activities: Activity[] = [{ what: 'a step of the loop', progress: steps }]
  for (const [name, { progress }] of starting)
    activities.push({ what: `the start of task ${name}`, progress })
  for (const { task, committing } of running) {
    const { patience } = task
    if (committing !== undefined)
      activities.push({ what: `the commit of task ${task.name}`, progress: committing, patience })
    else if (task.parked)
      activities.push({ what: `what task ${task.name} waits for`, progress: task.progress, patience })
    else if (!paused) {
      const { positions } = task
      const progress = positions.map(each => each.position).join()
      activities.push({ what: `task ${task.name}`, progress, positions })
    }
  }
  return activities
}
