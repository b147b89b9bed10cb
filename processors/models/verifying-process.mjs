/** The entry of the process that tries releases: it does not inherit what makes its parent understand TypeScript. */
import { register } from 'tsx/esm/api'

register()
await import('./verifying-process.ts')
