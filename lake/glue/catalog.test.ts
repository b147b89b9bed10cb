import { json } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { raised } from '../contract.ts'
import type { LakeErrorCode } from '../errors.ts'
import { type AnsweringServer, answering, awsJson } from '../testing/answering-server.ts'
import { awsAt, SECRET } from '../testing/aws-environment.ts'
import { glueCatalog } from './catalog.ts'

const partitions = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    values: [`${i}`],
    location: `s3://lake/day=${i}/`,
    columns: [],
  }))

/** What Glue says where moto says nothing: the errors of its API reference ("Common error types"), in its protocol, JSON 1.1. */
describe('errors of Glue', () => {
  let server: AnsweringServer
  let answer: { status: number; body: object }
  beforeAll(async () => {
    server = await answering(awsJson(() => answer))
    awsAt(server.url)
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await server.stop()
  })

  const cases: [string, LakeErrorCode][] = [
    ['AccessDeniedException', 'AWS_ACCESS_DENIED'],
    ['ExpiredTokenException', 'AWS_CREDENTIALS_EXPIRED'],
    ['UnrecognizedClientException', 'AWS_CREDENTIALS_INVALID'],
    ['InvalidSignatureException', 'AWS_CREDENTIALS_INVALID'],
    ['ConcurrentModificationException', 'AWS_CHANGED_MEANWHILE'],
    ['ResourceNumberLimitExceededException', 'AWS_REFUSED'],
  ]
  test.each(cases)('%s is %s, in one line, and tells no secret', async (type, expected) => {
    answer = { status: 400, body: { __type: type, message: 'No.' } }
    const catalog = glueCatalog('watches')
    const table = { name: 'readings', location: 's3://lake/', columns: [], keys: ['day'] }
    const calls: [() => Promise<unknown>, string][] = [
      [() => catalog.prepare(), 'the database watches'],
      [() => catalog.table('readings'), 'watches.readings'],
      [() => catalog.create(table), 'watches.readings'],
      [() => catalog.update({ ...table, entry: { Name: 'readings' } }, []), 'watches.readings'],
      [() => catalog.partitions('readings')[Symbol.asyncIterator]().next(), 'watches.readings'],
      [() => catalog.addPartitions('readings', partitions(1)), 'watches.readings'],
      [() => catalog.updatePartitions('readings', partitions(1)), 'watches.readings'],
      [() => catalog.removePartitions('readings', [['1']]), 'watches.readings'],
    ]
    for (const [call, what] of calls) {
      const error = await call().catch((error: unknown) => error)
      expect(error).toEqual(raised(expected, what))
      expect(String(error)).not.toMatch(new RegExp(`${SECRET}|\n`))
    }
    catalog.close()
  })

  test('what Glue does not do of a batch is an error, unless it was done before', async () => {
    const refused = (ErrorCode: string) => ({
      status: 200,
      body: { Errors: [{ PartitionValues: ['0'], ErrorDetail: { ErrorCode, ErrorMessage: 'No.' } }] },
    })
    const catalog = glueCatalog('watches')
    answer = refused('AlreadyExistsException')
    await catalog.addPartitions('readings', partitions(1))
    answer = refused('ResourceNumberLimitExceededException')
    await expect(catalog.addPartitions('readings', partitions(1))).rejects.toEqual(
      raised('AWS_REFUSED', '0: ResourceNumberLimitExceededException'),
    )
    catalog.close()
  })
})

/** moto lets everything through at once, and answers with everything at once. */
test('partitions go in batches as large as Glue takes, and come in pages', async () => {
  const sizes: [string, number][] = []
  const server = await answering((request, response) => {
    void json(request).then((body: unknown) => {
      const operation = String(request.headers['x-amz-target']).replace('AWSGlue.', '')
      const list = Object.values(body as object).find(Array.isArray)
      if (list !== undefined) sizes.push([operation, list.length])
      const { NextToken: token } = body as { NextToken?: string }
      const page = Number(token ?? 0)
      const answer = {
        Partitions: [{ Values: [`${page}`], StorageDescriptor: { Location: `s3://lake/day=${page}` } }],
        ...(page < 2 && { NextToken: `${page + 1}` }),
      }
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer))
    })
  })
  awsAt(server.url)
  const catalog = glueCatalog('watches')
  await catalog.addPartitions('readings', partitions(201))
  await catalog.updatePartitions('readings', partitions(101))
  await catalog.removePartitions(
    'readings',
    partitions(26).map(({ values }) => values),
  )
  expect(sizes).toEqual([
    ['BatchCreatePartition', 100],
    ['BatchCreatePartition', 100],
    ['BatchCreatePartition', 1],
    ['BatchUpdatePartition', 100],
    ['BatchUpdatePartition', 1],
    ['BatchDeletePartition', 25],
    ['BatchDeletePartition', 1],
  ])
  const found: string[] = []
  for await (const { location } of catalog.partitions('readings')) found.push(location)
  expect(found).toEqual(['s3://lake/day=0/', 's3://lake/day=1/', 's3://lake/day=2/'])
  catalog.close()
  vi.unstubAllEnvs()
  await server.stop()
})
