#!/usr/bin/env node
/** The command `tickerwatch`: loads TypeScript through tsx, since the project has no build step. */
import { tooOld } from './node-version.mjs'

const complaint = tooOld(process.versions.node)
if (complaint) {
  console.error(complaint)
  process.exitCode = 1
} else {
  const { register } = await import('tsx/esm/api')
  register()
  const { main } = await import('./main.ts')
  await main(process.argv.slice(2))
}
