/** The entry of a scoring thread: it does not inherit what makes the main thread understand TypeScript. */
import { register } from 'tsx/esm/api'

register()
await import('./scoring-worker.ts')
