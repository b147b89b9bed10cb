/** Who may what: each route declares whom it is for, and a bearer token says whose request it is. */
import { createHash, timingSafeEqual } from 'node:crypto'

/** Each may what those before it may. */
export const roles = ['viewer', 'annotator', 'operator'] as const
export type Role = (typeof roles)[number]

/**
 * Whom a route is for. `public`: anybody, always, without a limit: files of pages, health, metrics. `open`: anybody, as long as
 * there is no token for viewers; viewers if there is. A role: whoever bears a token of it, or of a later one.
 */
export type Access = 'public' | 'open' | Role

/** A token that opens routes of a role. */
export interface Credential {
  readonly role: Role
  /** Whose it is, for people; never a secret. */
  readonly name: string
  readonly token: string
}

/** Who asks. */
export type Caller = Omit<Credential, 'token'>

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly access?: Access
  }
  interface FastifyRequest {
    /** Null without a token. */
    caller: Caller | null
  }
}

/** Undefined for a token that is nobody's. All are compared, by hash, so that time does not tell how near a guess was. */
export function callerOf(authorization: string, credentials: readonly Credential[]): Caller | undefined {
  const given = hash(authorization)
  let found: Caller | undefined
  for (const { role, name, token } of credentials)
    if (timingSafeEqual(given, hash(`Bearer ${token}`))) found ??= { role, name }
  return found
}

/** The least role that a route asks for; undefined if it asks for none. */
export function roleFor(access: Access, credentials: readonly Credential[]): Role | undefined {
  if (access === 'public') return undefined
  if (access !== 'open') return access
  return credentials.some(({ role }) => role === 'viewer') ? 'viewer' : undefined
}

export function isAtLeast(role: Role, least: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(least)
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
