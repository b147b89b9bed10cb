/** An authority of one's own, and a certificate for `localhost` issued by it. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export interface Certificates {
  /** Files. */
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

/** @param directory where the files go; one for each authority */
export function certificates(directory: string): Certificates {
  const file = (name: string): string => join(directory, name)
  const openssl = (...words: string[]): void => void execFileSync('openssl', words, { stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const [authority, authorityKey] = [file('authority.pem'), file('authority.key')]
  const [certificate, key, request] = [file('server.pem'), file('server.key'), file('server.csr')]
  openssl(
    ...['req', '-x509', ...newKey, '-keyout', authorityKey, '-out', authority],
    ...['-days', '2', '-subj', '/CN=Authority of a test'],
  )
  openssl(
    ...['req', ...newKey, '-keyout', key, '-out', request, '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost'],
  )
  openssl(
    ...['x509', '-req', '-in', request, '-CA', authority, '-CAkey', authorityKey, '-out', certificate],
    ...['-days', '2', '-copy_extensions', 'copy'],
  )
  return { authority, certificate, key }
}
