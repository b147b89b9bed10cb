/** One thread of `tickerwatch run --threads N`. */
import pino from 'pino'
import { activityThread } from '../../processors/activity-node.ts'
import { trustedSources } from '../../processors/models/trusted-sources.ts'
import { defaultPolicy } from '../../processors/routing/routing.ts'
import { avroSerdes } from '../../schemas/index.ts'
import { systemTimers, type ThreadMaker } from '../../topology/index.ts'
import { endpointOf, type RunOptions } from './options.ts'
import { openLog, openRegistry, openState } from './parts.ts'

const make: ThreadMaker<RunOptions> = async (options, { clientId, node: process, listener }) => {
  const log = await openLog(options, clientId)
  const { node, close } = await activityThread(
    {
      log,
      avro: avroSerdes(openRegistry(options)),
      state: openState(options, log),
      guarantee: options.guarantee,
      standbyReplicas: options.standbyReplicas,
      endpoint: endpointOf(options),
      replicationFactor: options.replicationFactor,
      model: options.model,
      routing: { ...defaultPolicy, requestsPerHour: options.annotationsPerHour },
      trusted: await trustedSources(options.trustedKeys),
      clientId,
      node: process,
      logger: pino({ level: options.logLevel }, pino.destination(2)),
      timers: systemTimers,
    },
    listener,
  )
  return {
    node,
    close: async () => {
      await close()
      await log.close()
    },
  }
}

export default make
