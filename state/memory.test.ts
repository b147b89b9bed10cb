import { stateContract } from './contract.ts'
import { memoryBackend } from './memory.ts'

stateContract('memory', async () => ({ backend: memoryBackend(), dispose: async () => {} }))
