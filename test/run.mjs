/** `npm test`: everything that this machine can run. See run.ts. */
import './bootstrap.mjs'

await import('./run.ts')
