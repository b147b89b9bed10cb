import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningBroker, type SecureListener, startBroker } from './start-broker.ts'

export interface TemporaryBroker extends RunningBroker {
  /** Starts it again on the same port, with what it had stored. */
  restart(): Promise<void>
}

/** A broker of its own for a suite, on a free port; its data is removed when it stops. */
export async function startTemporaryBroker(secure?: SecureListener): Promise<TemporaryBroker> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tickerwatch-kafka-'))
  const own = { dataDir, ...(secure && { secure }) }
  let running = await startBroker(own)
  const { brokers } = running
  return {
    brokers,
    get secureBrokers() {
      return running.secureBrokers
    },
    get pid() {
      return running.pid
    },
    kill: () => running.kill(),
    async restart() {
      running = await startBroker({ ...own, port: Number(brokers.split(':')[1]) })
    },
    async stop() {
      await running.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
