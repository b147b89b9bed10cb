/** What the console sees of EMR. */
import { openStore } from '../../lake/open-store.ts'
import { readConfig } from '../../spark-jobs/submit/config.ts'
import type { Observer } from '../../spark-jobs/submit/observer.ts'

/** Asks nothing of AWS yet. @throws SubmitError EMR_CONFIG_…; LakeError OBJECT_STORE_URL_INVALID */
export async function openObserver(
  path: string,
  now: () => number,
): Promise<Observer & { close(): Promise<void> }> {
  const config = await readConfig(path)
  // Loaded only where they are needed: the clients take a good part of a second.
  const { CloudWatchClient } = await import('@aws-sdk/client-cloudwatch')
  const { EMRClient } = await import('@aws-sdk/client-emr')
  const { observer } = await import('../../spark-jobs/submit/observer.ts')
  const [logs, lake] = await Promise.all([openStore(config.logs), openStore(config.lake)])
  const clients = {
    emr: new EMRClient({ maxAttempts: 2 }),
    cloudWatch: new CloudWatchClient({ maxAttempts: 2 }),
  }
  return {
    ...observer({ ...clients, config, logs, lake, now }),
    async close() {
      clients.emr.destroy()
      clients.cloudWatch.destroy()
      await Promise.all([logs.close(), lake.close()])
    },
  }
}
