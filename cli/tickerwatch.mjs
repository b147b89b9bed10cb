#!/usr/bin/env node
/** The command `tickerwatch`: loads TypeScript through tsx, since the project has no build step. */
import { tooOld } from './node-version.mjs'

const complaint = tooOld(process.versions.node)
if (complaint) {
  console.error(complaint)
  process.exitCode = 1
} else {
  // The clients of AWS that are pinned here run on this Node; later ones will not, which is no news for who runs a command.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const { register } = await import('tsx/esm/api')
  register()
  const { main } = await import('./main.ts')
  await main(process.argv.slice(2))
}
