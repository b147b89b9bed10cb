/**
 * Who vouches for a release. A signature is Ed25519 over the release's canonical form, and says that this model with these
 * labels, thresholds and figures comes from the owner of the key. It does not say that it should serve now: status, reason
 * and time belong to whoever publishes, and who may publish is the topic's access control.
 *
 * The canonical form is the line `tickerwatch release 1` and, after a line feed, the release as JSON by RFC 8785 (keys sorted,
 * no white space, numbers as ECMAScript writes them), in UTF-8. Left out are the fields of publishing (status, publishedAt,
 * reason, location), the signature, the ONNX bytes (sha256 and size stand for them), and each field that has its default
 * value: so a field that is added later leaves older signatures valid. Fields that Avro keeps as float are rounded to it.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ModelRelease } from '../../schemas/index.ts'
import { ApplicationError } from '../errors.ts'
import { releaseKey } from './release.ts'

/**
 * `signed` by a key that is trusted here; `shipped` with this version of the program, which is trusted as its code is;
 * `unverified`: taken, since no key is configured.
 */
export type Trust = 'signed' | 'shipped' | 'unverified'

/** All that a signature covers, and what it leaves out. */
export type SignedRelease = Omit<ModelRelease, 'status' | 'publishedAt' | 'reason' | 'location' | 'onnx'>

export interface TrustedSources {
  /** Ed25519 public keys; none: unsigned releases are taken. */
  readonly keys: readonly KeyObject[]
  /** `releaseDigest` of the releases that come with the package. */
  readonly shipped: ReadonlySet<string>
}

const UNSIGNED: ReadonlySet<string> = new Set([
  'status',
  'publishedAt',
  'reason',
  'location',
  'onnx',
  'signature',
])
const HEADING = 'tickerwatch release 1\n'

const fields = z
  .object({
    fields: z.array(z.object({ name: z.string(), type: z.unknown(), default: z.unknown().optional() })),
  })
  .parse(ModelRelease.schema)
  .fields.filter(({ name }) => !UNSIGNED.has(name))

/** The bytes that are signed. */
export function canonicalForm(release: SignedRelease): Buffer {
  const values = new Map<string, unknown>(Object.entries(release))
  const signed = fields.flatMap(field => {
    const value = values.get(field.name)
    if (value === undefined || canonicalJson(value) === canonicalJson(field.default ?? null)) return []
    return [[field.name, isFloats(field.type) && Array.isArray(value) ? value.map(Math.fround) : value]]
  })
  return Buffer.from(HEADING + canonicalJson(Object.fromEntries(signed)), 'utf8')
}

/** SHA-256 of the canonical form, hexadecimal: equal for releases that are the same in all that is signed. */
export function releaseDigest(release: SignedRelease): string {
  return createHash('sha256').update(canonicalForm(release)).digest('hex')
}

/** 64 bytes. */
export function signRelease(release: SignedRelease, key: KeyObject): Buffer {
  return sign(null, canonicalForm(release), key)
}

/**
 * @throws ApplicationError MODEL_UNSIGNED, MODEL_SIGNATURE_WRONG where keys are configured and none of them signed it
 */
export function trustOf(release: SignedRelease, { keys, shipped }: TrustedSources): Trust {
  if (shipped.has(releaseDigest(release))) return 'shipped'
  if (keys.length === 0) return 'unverified'
  const { signature } = release
  if (signature === null) {
    throw new ApplicationError(
      'MODEL_UNSIGNED',
      `the release ${releaseKey(release)} is refused: it is not signed`,
    )
  }
  const form = canonicalForm(release)
  if (signature.length === 64 && keys.some(key => verify(null, form, key, signature))) return 'signed'
  throw new ApplicationError(
    'MODEL_SIGNATURE_WRONG',
    `the release ${releaseKey(release)} is refused: none of the trusted keys has signed what it says`,
  )
}

/** A new key pair as PEM: PKCS 8 and SPKI, as OpenSSL writes them. */
export function newKeyPair(): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return { privateKey, publicKey }
}

/** @throws ApplicationError MODEL_KEY_INVALID */
export async function readPublicKeys(files: readonly string[]): Promise<readonly KeyObject[]> {
  return await Promise.all(files.map(file => readKey(file, 'public')))
}

/** @throws ApplicationError MODEL_KEY_INVALID */
export async function readPrivateKey(file: string): Promise<KeyObject> {
  return await readKey(file, 'private')
}

/** The message never holds what the file does. */
async function readKey(file: string, kind: 'public' | 'private'): Promise<KeyObject> {
  const refuse = (reason: string): ApplicationError =>
    new ApplicationError('MODEL_KEY_INVALID', `${file} holds no Ed25519 ${kind} key: ${reason}`)
  const pem = await readFile(file, 'utf8').catch(cause => {
    throw refuse(cause instanceof Error ? cause.message : String(cause))
  })
  // A private key also gives its public key: but it must not lie about where only the public one is needed.
  if (kind === 'public' && pem.includes('PRIVATE KEY'))
    throw refuse('it is a private key; configure the public one')
  let key: KeyObject
  try {
    key = kind === 'public' ? createPublicKey(pem) : createPrivateKey(pem)
  } catch {
    throw refuse('it is not PEM')
  }
  if (key.asymmetricKeyType !== 'ed25519') throw refuse(`its kind is ${key.asymmetricKeyType}`)
  return key
}

/** RFC 8785. Numbers and strings are ECMAScript's own there, and keys are sorted by UTF-16 code units, as `sort` does. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
  return `{${members.join(',')}}`
}

function isFloats(type: unknown): boolean {
  return typeof type === 'object' && type !== null && 'items' in type && type.items === 'float'
}
