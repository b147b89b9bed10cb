/**
 * What every log must do, as a suite that runs on each of them. It takes a log as it is found: a real broker does many
 * things a moment later, so it waits for conditions with a deadline; one send need not be one batch, offsets may have
 * gaps, and topics of earlier runs may be there.
 */
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { adminContract } from './contract/admin.ts'
import { groupsContract } from './contract/groups.ts'
import { contractKit } from './contract/kit.ts'
import { readerContract } from './contract/reader.ts'
import { recordsContract } from './contract/records.ts'
import { transactionsContract } from './contract/transactions.ts'
import type { Log } from './log.ts'

export interface LogContractOptions {
  /** Milliseconds after which a condition that was waited for counts as failed. Default 20,000. */
  readonly deadline?: number
  /** Random histories tried by the property test. Default 50. */
  readonly runs?: number
}

export function logContract(
  name: string,
  open: () => Promise<{ log: Log; close(): Promise<void> }>,
  { deadline = 20_000, runs = 50 }: LogContractOptions = {},
): void {
  describe(`log ${name}`, { timeout: 4 * deadline }, () => {
    const kit = contractKit(deadline)
    let close: () => Promise<void>

    beforeAll(async () => {
      const opened = await open()
      kit.use(opened.log)
      close = opened.close
    }, 4 * deadline)

    afterEach(() => kit.closeClients())

    afterAll(() => close())

    recordsContract(kit)
    readerContract(kit)
    transactionsContract(kit, runs)
    groupsContract(kit)
    adminContract(kit)
  })
}
