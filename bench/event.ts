import { writeSync } from 'node:fs'

/** Tells the checker what happens, at once, from whichever thread. */
export function event(name: string, ...detail: readonly (string | number)[]): void {
  writeSync(1, `${['EVENT', name, Date.now(), ...detail].join(' ')}\n`)
}
