/** The browser that pages are tried in. */
import { existsSync } from 'node:fs'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export const executablePath = process.env.CHROMIUM ?? places.find(existsSync)

/** Why pages cannot be tried in a browser here; undefined when they can. */
export function chromiumUnavailable(): string | undefined {
  if (executablePath === undefined) return `no Chromium at ${places.join(', ')} (set CHROMIUM)`
  return existsSync(executablePath) ? undefined : `no Chromium at ${executablePath}`
}

export const launchArguments = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
