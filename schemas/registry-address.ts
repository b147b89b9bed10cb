/** Where a registry is, and who asks it: the login is in its address, and is in no message. */
export interface RegistryAddress {
  /** Without login, and without a slash at its end. */
  readonly url: string
  readonly login: { readonly username: string; readonly password: string } | undefined
  /** What requests bear. */
  readonly headers: Readonly<Record<string, string>>
}

/** @param given such as `https://me:secret@registry:8081` */
export function registryAddress(given: string): RegistryAddress {
  const { origin, pathname, username, password } = new URL(given)
  const url = `${origin}${pathname.replace(/\/$/, '')}`
  if (username === '') return { url, login: undefined, headers: {} }
  const login = { username: decodeURIComponent(username), password: decodeURIComponent(password) }
  const basic = Buffer.from(`${login.username}:${login.password}`).toString('base64')
  return { url, login, headers: { authorization: `Basic ${basic}` } }
}
