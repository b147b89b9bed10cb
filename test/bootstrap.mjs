/** What the tools of this folder need before TypeScript can be loaded: the packages, and tsx. */
import { install } from '../cli/dependencies.mjs'
import { tooOld } from '../cli/node-version.mjs'

const complaint = tooOld(process.versions.node)
if (complaint) {
  console.error(complaint)
  process.exit(1)
}
try {
  install(new URL('..', import.meta.url), { development: true, log: console.error })
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
const { register } = await import('tsx/esm/api')
register()
