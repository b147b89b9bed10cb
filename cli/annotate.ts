/** `tickerwatch annotate`: where people label the windows of the running node. */
import type { Command } from 'commander'
import { configure } from './configuration/configure.ts'
import { readNodeFile } from './node-file.ts'

export function define(command: Command): void {
  configure(command, { names: ['state'], about: { state: 'state directory of the running node' } })
    .description(
      'Print the address of the page where people label windows; it carries a token for annotators.',
    )
    .action(async ({ state }: { readonly state: string }) => {
      const { url, annotatorToken } = await readNodeFile(state)
      console.log(`${url}/annotate.html#token=${encodeURIComponent(annotatorToken)}`)
    })
}
