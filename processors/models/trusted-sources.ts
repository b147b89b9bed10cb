/** Whose releases a node takes: those signed by the keys that are configured, and those that come with the package. */
import { shippedDigests } from './shipped.ts'
import { readPublicKeys, type TrustedSources } from './signature.ts'

/**
 * @param keyFiles Ed25519 public keys in PEM; none: unsigned releases are taken, with a warning in the status
 * @throws ApplicationError MODEL_KEY_INVALID
 */
export async function trustedSources(keyFiles: readonly string[]): Promise<TrustedSources> {
  const [keys, shipped] = await Promise.all([readPublicKeys(keyFiles), shippedDigests()])
  return { keys, shipped }
}
