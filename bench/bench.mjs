/** `npm run bench`: TypeScript is loaded through tsx in this very process. */
import { register } from 'tsx/esm/api'

register()
const { main } = await import('./main.ts')
await main(process.argv.slice(2))
