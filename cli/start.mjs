/**
 * `npm start`: sees that Node is new enough and the packages are there, then runs `tickerwatch run` in this process.
 * Static imports would be loaded before the version is checked, hence none of modern code.
 */
import { tooOld } from './node-version.mjs'

const complaint = tooOld(process.versions.node)
if (complaint) {
  console.error(complaint)
  process.exitCode = 1
} else {
  import('./dependencies.mjs')
    .then(({ install }) => {
      install(new URL('..', import.meta.url), { development: false, log: console.error })
      process.argv.splice(2, 0, 'run')
      return import('./tickerwatch.mjs')
    })
    .catch(error => {
      console.error(error.message)
      process.exitCode = 1
    })
}
