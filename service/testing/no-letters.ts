import { type DeadLetterDesk, deadLetterDesk } from '../../processors/dead-letter-desk.ts'
import { memoryLog } from '../../topology/index.ts'

/** Of an application that never ran. */
export const noLetters: DeadLetterDesk = deadLetterDesk({
  log: memoryLog(),
  applicationId: 'test',
  clientId: 'test',
  decode: async () => undefined,
  now: Date.now,
})
