/** Routes that change something, or show raw data, are for who bears the node's token (cli/node-file.ts). */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** For `onRequest`: before the body is read, so that a stranger cannot even make us parse. */
export function requireToken(token: string) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    if (bears(request.headers.authorization, token)) return undefined
    reply.code(401).header('www-authenticate', 'Bearer')
    return reply.send({ code: 'UNAUTHORIZED', message: 'this needs the bearer token of this node' })
  }
}

/** Compares hashes, so that neither time nor length tells how much of a guess was right. */
function bears(authorization: string | undefined, token: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(authorization ?? ''), hash(`Bearer ${token}`))
}
