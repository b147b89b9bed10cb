/** `tickerwatch models keygen` and `sign`: keys for releases, and signatures by them. */
import { readFile, writeFile } from 'node:fs/promises'
import { parseRelease, readRelease } from '../../processors/models/release.ts'
import { newKeyPair, readPrivateKey, signRelease } from '../../processors/models/signature.ts'
import { CliError } from '../errors.ts'
import { printJson } from '../table.ts'

/** Writes PATH and PATH.pub; neither may be there. */
export async function keygen(path: string, { json }: { json?: boolean }): Promise<void> {
  const { privateKey, publicKey } = newKeyPair()
  const [secret, open] = [path, `${path}.pub`]
  await writeNew(secret, privateKey, 0o600)
  await writeNew(open, publicKey, 0o644)
  if (json) return printJson({ privateKey: secret, publicKey: open })
  console.log(`wrote the private key ${secret} (keep it where releases are made) and the public key ${open}`)
  console.log(`nodes that are to take only releases signed by it: tickerwatch run --trusted-keys ${open}`)
}

/** Puts the signature into the release file, or into another one. */
export async function sign(
  file: string,
  options: { key: string; out?: string; json?: boolean },
): Promise<void> {
  const { key, out = file, json } = options
  const signature = signRelease(await readRelease(file), await readPrivateKey(key)).toString('base64')
  // As it stands in the file, which may name its model by a path from there.
  const content: object = JSON.parse(await readFile(file, 'utf8'))
  const signed = JSON.stringify({ ...content, signature }, null, 1)
  const { name, version } = parseRelease(signed, file)
  await writeFile(out, `${signed}\n`)
  if (json) printJson({ name, version, signature, file: out })
  else console.log(`signed ${name}@${version}: ${out}`)
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx', mode })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError('FILE_UNWRITABLE', `${path} cannot be written: ${reason}`, { cause })
  }
}
