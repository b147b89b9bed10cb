import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export interface KeyStore {
  /** PKCS #12, for a broker. */
  readonly file: string
  readonly password: string
  /** The certificate in PEM, for clients: it is signed by itself. */
  readonly certificate: string
}

/** A key and a certificate for 127.0.0.1, by Java's keytool. @param directory where its files go, by `name` */
export function makeKeyStore(directory: string, name: string): KeyStore {
  const file = join(directory, `${name}.p12`)
  const certificate = join(directory, `${name}.pem`)
  const password = 'of-the-key-store'
  const store = ['-keystore', file, '-storetype', 'PKCS12', '-storepass', password, '-alias', name]
  const keytool = (...words: string[]) => execFileSync('keytool', [...words, ...store], { stdio: 'pipe' })
  const subject = ['-dname', `CN=${name}`, '-ext', 'san=ip:127.0.0.1', '-ext', 'bc:c', '-validity', '2']
  keytool('-genkeypair', '-keyalg', 'EC', ...subject)
  keytool('-exportcert', '-rfc', '-file', certificate)
  return { file, password, certificate }
}
