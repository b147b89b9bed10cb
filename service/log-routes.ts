/**
 * `/api/topics`, `/api/groups`, `/api/schemas`: what is on the log, who reads it, and how it is written. Records hold what was
 * measured, and are not open.
 */
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { ApplicationError, type ApplicationErrorCode } from '../processors/errors.ts'
import type { LogDesk, ShownRecord } from '../processors/log-desk/log-desk.ts'
import type { SearchStart } from '../processors/log-desk/record-search.ts'
import type { ShownBytes } from '../processors/log-desk/shown-bytes.ts'
import { SchemaError, type SchemaErrorCode, type Subjects } from '../schemas/index.ts'
import { type ErrorCode, TickerError } from '../topology/index.ts'
import { type Api, failure } from './api.ts'
import * as schemas from './log-schema.ts'
import { jsonOf } from './stored-values.ts'

type Asked = z.output<typeof schemas.recordsAsked>

export interface LogRoutesOptions {
  readonly desk: LogDesk
  readonly subjects: Subjects
}

export function logRoutes(server: Api, options: LogRoutesOptions): void {
  server.register(async (routes: Api) => {
    routes.setErrorHandler<Error>((error, _request, reply) => refuse(error, reply))
    topicRoutes(routes, options.desk)
    groupRoutes(routes, options.desk)
    schemaRoutes(routes, options.subjects)
  })
}

function topicRoutes(routes: Api, desk: LogDesk): void {
  routes.get(
    '/api/topics',
    {
      config: { access: 'open' },
      schema: { summary: 'The topics of the log', response: { 200: schemas.topics } },
    },
    async () => ({ topics: await desk.topics() }),
  )

  routes.get(
    '/api/topics/:topic',
    {
      config: { access: 'open' },
      schema: {
        summary: 'A topic: its settings and partitions',
        params: schemas.ofTopic,
        response: { 200: schemas.topic, 404: failure },
      },
    },
    async ({ params: { topic } }) => desk.topic(topic),
  )

  routes.get(
    '/api/topics/:topic/records',
    {
      config: { access: 'viewer' },
      schema: {
        summary:
          'Records of a topic, read_committed and decoded: the newest, by key, from an offset or a time',
        params: schemas.ofTopic,
        querystring: schemas.recordsAsked,
        response: { 200: schemas.records, 400: failure, 404: failure, 503: failure },
      },
    },
    async ({ params: { topic }, query: { partition, limit, ...rest } }) => {
      const { records, ...found } = await desk.records(topic, {
        partition,
        limit,
        from: startOf(rest),
        key: keyOf(rest),
        since: rest.time,
      })
      return { ...found, records: records.map(inJson) }
    },
  )
}

function groupRoutes(routes: Api, desk: LogDesk): void {
  routes.get(
    '/api/groups',
    {
      config: { access: 'open' },
      schema: { summary: 'The consumer groups, with their lag', response: { 200: schemas.groups } },
    },
    async () => ({ groups: await desk.groups() }),
  )

  routes.get(
    '/api/groups/:group',
    {
      config: { access: 'open' },
      schema: {
        summary: 'A consumer group: its members, and position and lag in each partition',
        params: schemas.ofGroup,
        response: { 200: schemas.group, 404: failure },
      },
    },
    async ({ params: { group } }) => desk.group(group),
  )
}

function schemaRoutes(routes: Api, subjects: Subjects): void {
  routes.get(
    '/api/schemas',
    {
      config: { access: 'open' },
      schema: {
        summary: 'The subjects of the schema registry',
        response: { 200: schemas.subjects, 502: failure },
      },
    },
    async () => ({ subjects: await subjects.subjects() }),
  )

  routes.get(
    '/api/schemas/:subject',
    {
      config: { access: 'open' },
      schema: {
        summary: 'A subject: its versions with their schemas, and what a new one must be compatible with',
        params: schemas.ofSubject,
        response: { 200: schemas.subject, 404: failure, 502: failure },
      },
    },
    async ({ params: { subject } }) => {
      const found = await subjects.subject(subject)
      if (found === undefined)
        throw new ApplicationError('SUBJECT_UNKNOWN', `the registry has no subject ${subject}`)
      return found
    },
  )
}

/** @throws ApplicationError RECORDS_QUERY_INVALID */
function startOf({ from, offset, time, positions }: Omit<Asked, 'limit' | 'partition'>): SearchStart {
  if ([from, offset, positions].filter(each => each !== undefined).length > 1)
    throw new ApplicationError('RECORDS_QUERY_INVALID', 'one of from, offset and positions, not several')
  if (offset !== undefined) return { offset }
  if (positions !== undefined) return { positions: positionsOf(positions) }
  if (time !== undefined && from === undefined) return { time }
  return { at: from ?? 'newest' }
}

/** `0:12,1:5`: by partition. */
function positionsOf(text: string): ReadonlyMap<number, number> {
  const parts = text.split(',').map(part => /^(\d{1,9}):(\d{1,15})$/.exec(part))
  if (parts.some(part => part === null))
    throw new ApplicationError('RECORDS_QUERY_INVALID', `positions are written as 0:12,1:5, not ${text}`)
  return new Map(parts.map(part => [Number(part?.[1]), Number(part?.[2])]))
}

function keyOf({ key, keyHex }: Pick<Asked, 'key' | 'keyHex'>): Buffer | undefined {
  if (keyHex === undefined) return key === undefined ? undefined : Buffer.from(key, 'utf8')
  if (key !== undefined)
    throw new ApplicationError('RECORDS_QUERY_INVALID', 'a key is given as key or as keyHex, not as both')
  if (!/^([0-9a-f]{2})*$/i.test(keyHex))
    throw new ApplicationError('RECORDS_QUERY_INVALID', `"${keyHex}" is not hexadecimal`)
  return Buffer.from(keyHex, 'hex')
}

function inJson({ key, value, headers, ...record }: ShownRecord) {
  return {
    ...record,
    key: key && decodedInJson(key),
    value: value && decodedInJson(value),
    headers: headers.map(([name, bytes]): [string, ShownBytes] => [name, decodedInJson(bytes)]),
  }
}

function decodedInJson({ decoded, ...shown }: ShownBytes): ShownBytes {
  return decoded === undefined ? shown : { ...shown, decoded: jsonOf(decoded) }
}

const statuses: Partial<Record<ErrorCode | ApplicationErrorCode | SchemaErrorCode, number>> = {
  LOG_UNKNOWN_TOPIC: 404,
  GROUP_UNKNOWN: 404,
  SUBJECT_UNKNOWN: 404,
  RECORDS_PARTITION_UNKNOWN: 404,
  RECORDS_PARTITION_MISSING: 503,
  RECORDS_OFFSET_BEYOND: 400,
  RECORDS_QUERY_INVALID: 400,
  RECORDS_BUSY: 503,
  REGISTRY_UNREACHABLE: 502,
  REGISTRY_FAILED: 502,
}

/** @throws what is no answer to a question about the log */
function refuse(error: Error, reply: FastifyReply): FastifyReply {
  const isOurs =
    error instanceof TickerError || error instanceof ApplicationError || error instanceof SchemaError
  const status = isOurs ? statuses[error.code] : undefined
  if (!isOurs || status === undefined) throw error
  if (status === 503) reply.header('retry-after', 1)
  return reply.code(status).send({ code: error.code, message: error.message, remedy: error.remedy })
}
