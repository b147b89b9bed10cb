import { logContract } from '../contract.ts'
import { memoryLog } from './memory-log.ts'

logContract('memory', async () => {
  const log = memoryLog()
  return { log, close: () => log.close() }
})
