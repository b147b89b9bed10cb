import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stateContract } from './contract.ts'
import { rocksdbBackend } from './rocksdb.ts'

stateContract('rocksdb', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tickerwatch-state-'))
  return {
    backend: rocksdbBackend(join(directory, 'state')),
    dispose: () => rm(directory, { recursive: true, force: true }),
  }
})
