/** `npm run check`: lint, format, types, arrows and tidiness. See check.ts. */
import './bootstrap.mjs'

await import('./check.ts')
